#include "client/apply_frame.h"

#include <memory>
#include <string>
#include <utility>

#include "connection/frame_builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_service.h"

namespace fdrpc {
namespace {

using ::fdrpc::testing::Text;
using ::testing::HasSubstr;

class ApplyFrameTest : public ::testing::Test {
 protected:
  using Action = FrameEffect::Action;
  static constexpr Method kUnary = {.full_name = "p.S/Unary"};
  static constexpr Method kBidirectional = {.full_name = "p.S/Both",
                                            .kind = MethodKind::kBidirectional};

  void NewCall(const Method& method) {
    call_ = std::make_unique<PendingCall>(
        method, kNoDeadline, MessageLimits{.bytes = 1000, .descriptors = 0},
        Credit{.bytes = 10000, .descriptors = 0});
    call_->max_metadata_bytes = 200;
  }

  FrameEffect Apply(const OutgoingFrame& sent, bool payload_lost = false) {
    IncomingFrame frame;
    frame.header = DecodeFrameHeader(sent.head.data());
    frame.payload = std::string_view(sent.head).substr(kFrameHeaderBytes);
    frame.payload_lost = payload_lost;
    ChannelLock lock(mutex_);
    return ApplyFrame(*call_, frame, lock);
  }
  static Text Saying(const std::string& text) {
    Text message;
    message.set_text(text);
    return message;
  }
  static OutgoingFrame Message(const std::string& text) {
    const Text message = Saying(text);
    return std::move(BuildMessage(1, message, {}, false).front());
  }
  static OutgoingFrame End(const absl::Status& status,
                           const Metadata& headers = {},
                           const Metadata& trailers = {}) {
    return std::move(
        BuildStatus(1, status, headers, trailers, nullptr, {}).front());
  }
  static OutgoingFrame Reply(const std::string& text,
                             const Metadata& headers = {}) {
    const Text message = Saying(text);
    const OutgoingMessage reply(message);
    return std::move(
        BuildStatus(1, absl::OkStatus(), headers, {}, &reply, {}).front());
  }
  static Metadata Of(const std::string& value) {
    Metadata metadata;
    metadata.Add("key", value);
    return metadata;
  }

  ChannelMutex mutex_;
  std::unique_ptr<PendingCall> call_;
};

TEST_F(ApplyFrameTest, AReplyWithTheStatusFinishesAUnaryCall) {
  NewCall(kUnary);
  const FrameEffect effect = Apply(Reply("hello", Of("x")));
  EXPECT_EQ(effect.action, Action::kFinish);
  EXPECT_TRUE(effect.status.ok()) << effect.status;
  EXPECT_TRUE(call_->state.has_message());
  EXPECT_EQ(call_->headers.size(), 1u);
  EXPECT_FALSE(call_->state.ended()) << "the connection ends it";
}

TEST_F(ApplyFrameTest, AnErrorFinishesItWithTheServersStatus) {
  NewCall(kUnary);
  const FrameEffect effect =
      Apply(End(absl::NotFoundError("no such file"), {}, Of("x")));
  EXPECT_EQ(effect.action, Action::kFinish);
  EXPECT_EQ(effect.status, absl::NotFoundError("no such file"));
  EXPECT_EQ(call_->trailers.size(), 1u);
}

TEST_F(ApplyFrameTest, AUnaryCallDoesNotEndWellWithoutAReply) {
  NewCall(kUnary);
  const FrameEffect effect = Apply(End(absl::OkStatus()));
  EXPECT_EQ(effect.action, Action::kFinish);
  EXPECT_TRUE(absl::IsInternal(effect.status)) << effect.status;
}

TEST_F(ApplyFrameTest, AStreamOfRepliesDoesNotEndWithAReply) {
  NewCall(kBidirectional);
  const FrameEffect effect = Apply(Reply("hello"));
  EXPECT_EQ(effect.action, Action::kFinish);
  EXPECT_TRUE(absl::IsInternal(effect.status)) << effect.status;
}

TEST_F(ApplyFrameTest, AMessageOfAStreamIsTakenIn) {
  NewCall(kBidirectional);
  EXPECT_EQ(Apply(Message("one")).action, Action::kNone);
  EXPECT_TRUE(call_->state.has_message());
  EXPECT_EQ(Apply(End(absl::OkStatus())).action, Action::kFinish);
}

TEST_F(ApplyFrameTest, AMessageOfAStreamAbandonsAUnaryCall) {
  NewCall(kUnary);
  const FrameEffect effect = Apply(Message("one"));
  EXPECT_EQ(effect.action, Action::kAbandon);
  EXPECT_TRUE(absl::IsInternal(effect.status)) << effect.status;
}

TEST_F(ApplyFrameTest, AMessageBeyondTheLimitAbandonsTheCall) {
  NewCall(kBidirectional);
  const FrameEffect effect = Apply(Message(std::string(2000, 'x')));
  EXPECT_EQ(effect.action, Action::kAbandon);
  EXPECT_TRUE(absl::IsResourceExhausted(effect.status)) << effect.status;
}

TEST_F(ApplyFrameTest, HeadersComeOnceAndBeforeMessages) {
  NewCall(kBidirectional);
  EXPECT_EQ(Apply(BuildHeaders(1, Of("x"))).action, Action::kNone);
  EXPECT_TRUE(call_->state.Ready(CallEvent::kHeaders));
  EXPECT_EQ(Apply(BuildHeaders(1, Of("x"))).action, Action::kViolation);
  EXPECT_EQ(Apply(End(absl::OkStatus(), Of("x"))).action, Action::kViolation);

  NewCall(kBidirectional);
  EXPECT_EQ(Apply(Message("one")).action, Action::kNone);
  const FrameEffect effect = Apply(BuildHeaders(1, Of("x")));
  EXPECT_EQ(effect.action, Action::kViolation);
  EXPECT_TRUE(absl::IsInvalidArgument(effect.status)) << effect.status;
}

TEST_F(ApplyFrameTest, HeadersBeyondTheUsersLimitAbandonTheCall) {
  NewCall(kBidirectional);
  const FrameEffect effect = Apply(BuildHeaders(1, Of(std::string(300, 'x'))));
  EXPECT_EQ(effect.action, Action::kAbandon);
  EXPECT_THAT(std::string(effect.status.message()),
              HasSubstr("max_metadata_bytes"));
  EXPECT_TRUE(call_->headers.empty());
}

TEST_F(ApplyFrameTest, TrailersBeyondTheUsersLimitTakeTheStatussPlace) {
  NewCall(kBidirectional);
  const FrameEffect effect =
      Apply(End(absl::OkStatus(), {}, Of(std::string(300, 'x'))));
  EXPECT_EQ(effect.action, Action::kFinish);
  EXPECT_TRUE(absl::IsResourceExhausted(effect.status)) << effect.status;
  EXPECT_TRUE(call_->trailers.empty());
}

TEST_F(ApplyFrameTest, CreditLetsAStreamOfRequestsGoOn) {
  NewCall(kBidirectional);
  EXPECT_EQ(Apply(BuildCredit(1, {.bytes = 5}).front()).action, Action::kSend);
  EXPECT_EQ(Apply(BuildCredit(1, {.descriptors = 5}).front()).action,
            Action::kSend);
  EXPECT_EQ(Apply(BuildCredit(1, {.bytes = kMaxCredit}).front()).action,
            Action::kViolation);
}

TEST_F(ApplyFrameTest, CreditAbandonsACallWithOneRequest) {
  NewCall(kUnary);
  const FrameEffect effect = Apply(BuildCredit(1, {.bytes = 5}).front());
  EXPECT_EQ(effect.action, Action::kAbandon);
  EXPECT_TRUE(absl::IsInternal(effect.status)) << effect.status;
}

TEST_F(ApplyFrameTest, WhatDescriptorLimitsCutOffEndsTheCallAlone) {
  NewCall(kBidirectional);
  EXPECT_EQ(Apply(Message("one"), /*payload_lost=*/true).action,
            Action::kAbandon);
  EXPECT_EQ(Apply(End(absl::OkStatus()), /*payload_lost=*/true).action,
            Action::kFinish);
}

TEST_F(ApplyFrameTest, WhatIsNoStatusIsAViolation) {
  NewCall(kUnary);
  OutgoingFrame end = End(absl::NotFoundError("no such file"));
  end.head.resize(kFrameHeaderBytes + 1);
  EXPECT_EQ(Apply(end).action, Action::kViolation);
}

}  // namespace
}  // namespace fdrpc
