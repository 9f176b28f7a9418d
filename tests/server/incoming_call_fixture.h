#ifndef FDRPC_TESTS_SERVER_INCOMING_CALL_FIXTURE_H_
#define FDRPC_TESTS_SERVER_INCOMING_CALL_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/incoming_call.h"
#include "tests/server/fake_origin.h"
#include "tests/server/file_parcel.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

using Text = google::protobuf::StringValue;

// Counts how often it runs.
class CountingContinuation final : public Continuation {
 public:
  void Run() override { ++runs; }
  int runs = 0;
};

// A service whose handlers do nothing but keep their call.
class KeepingService final : public Service {
 public:
  explicit KeepingService(MethodKind kind, bool one_way = false)
      : method_{"test.Keeping/Call", kind, true, true, one_way},
        handler_{&method_, &Serve} {}

  std::string_view full_name() const override { return "test.Keeping"; }
  absl::Span<const internal::MethodHandler> method_handlers() const override {
    return absl::MakeConstSpan(&handler_, 1);
  }
  RegisteredMethod registered() { return {this, &handler_}; }

  std::shared_ptr<ServerCall> served;

 private:
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    static_cast<KeepingService&>(service).served = std::move(call);
  }

  const Method method_;
  const internal::MethodHandler handler_;
};

// One call, whose handler and connection are the test.
class IncomingCallFixture : public ::testing::Test {
 protected:
  static constexpr uint32_t kId = 7;
  static constexpr uint8_t kMessageType =
      static_cast<uint8_t>(FrameType::kMessage);
  static constexpr uint8_t kStatusType =
      static_cast<uint8_t>(FrameType::kStatus);
  static constexpr uint8_t kHeadersType =
      static_cast<uint8_t>(FrameType::kHeaders);
  static constexpr uint8_t kCreditType =
      static_cast<uint8_t>(FrameType::kCredit);

  void TearDown() override {
    service_.reset();
    call_.reset();
    EXPECT_EQ(origin_->calls_gone, made_);
    EXPECT_EQ(origin_->counters.handlers.running(), 0u);
    EXPECT_EQ(origin_->account.held_bytes(), 0u);
    EXPECT_EQ(origin_->account.held_descriptors(), 0u);
    EXPECT_FALSE(deadline_is_watched());
  }

  // `calls_one_way`: the client sent the call as a one-way call.
  IncomingCall& Make(MethodKind kind, MonotonicTime deadline = kNoDeadline,
                     bool one_way = false, bool calls_one_way = false) {
    service_ = std::make_unique<KeepingService>(kind, one_way);
    origin_->counters.handlers.Add();
    call_ = std::make_shared<IncomingCall>(
        origin_, origin_->environment,
        IncomingCall::Terms{
            .id = kId,
            .method = service_->registered(),
            .deadline = deadline,
            .metadata = {},
            .request_limits = {.bytes = 1u << 20, .descriptors = 16},
            .request_window = {.bytes = 1000, .descriptors = 8},
            .reply_limits = reply_limits_,
            .reply_window = {.bytes = Hello().initial_credit_bytes,
                             .descriptors = Hello().initial_credit_descriptors},
            .one_way = calls_one_way});
    ++made_;
    return *call_;
  }

  static std::string TextBytes(const std::string& value) {
    Text text;
    text.set_value(value);
    return text.SerializeAsString();
  }
  absl::Status Arrive(const std::string& payload, uint8_t flags,
                      std::vector<UniqueFd> descriptors = {}) {
    IncomingFrame frame;
    frame.header.type = kMessageType;
    frame.header.flags = flags;
    frame.header.descriptor_count = static_cast<uint16_t>(descriptors.size());
    frame.descriptors = std::move(descriptors);
    return call_->OnMessage(frame, payload);
  }
  void ArriveText(const std::string& value, uint8_t flags = 0) {
    EXPECT_TRUE(Arrive(TextBytes(value), kFlagMessage | flags).ok());
  }
  void ArriveHalfClose() { EXPECT_TRUE(Arrive("", kFlagHalfClose).ok()); }

  bool SendText(const std::string& value) {
    Text text;
    text.set_value(value);
    return call_->Send(text, false);
  }
  // The next request; "none" if there is none.
  std::string TakeText() {
    Text text;
    return call_->Take(text) ? text.value() : "none";
  }

  // The last frame is a status with that code, and the only status.
  void ExpectStatus(absl::StatusCode code) {
    ASSERT_FALSE(origin_->sent.empty());
    int statuses = 0;
    for (size_t i = 0; i < origin_->sent.size(); ++i) {
      statuses += origin_->header(i).type == kStatusType;
    }
    EXPECT_EQ(statuses, 1);
    const FrameHeader last = origin_->header(origin_->sent.size() - 1);
    EXPECT_EQ(last.type, kStatusType);
    EXPECT_EQ(last.call_id, kId);
    EXPECT_EQ(last.argument, static_cast<uint32_t>(code));
    EXPECT_EQ(origin_->ended.count(kId), 1u);
  }
  void ExpectEndedForHandler() {
    for (int i = 0; i < kCallEvents; ++i) {
      EXPECT_TRUE(call_->Ready(static_cast<CallEvent>(i)));
    }
    EXPECT_EQ(TakeText(), "none");
    EXPECT_FALSE(SendText("nobody hears"));
    EXPECT_TRUE(call_->context().IsCancelled());
  }

  int RunPosted() { return origin_->executor.RunPosted(); }
  bool nothing_posted() const { return origin_->executor.nothing_posted(); }
  bool deadline_is_watched() const {
    return origin_->reactor->next_deadline() != kNoDeadline;
  }

  // The credit of the client, unless a test sets another one before Make().
  MessageLimits reply_limits_ = {.bytes = Hello().max_message_bytes,
                                 .descriptors = Hello().max_descriptors};
  ExpectSameDescriptors census_;
  std::shared_ptr<FakeOrigin> origin_ = std::make_shared<FakeOrigin>();
  std::unique_ptr<KeepingService> service_;
  std::shared_ptr<IncomingCall> call_;
  int made_ = 0;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_INCOMING_CALL_FIXTURE_H_
