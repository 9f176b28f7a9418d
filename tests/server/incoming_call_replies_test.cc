#include <chrono>
#include <string>
#include <utility>

#include "tests/server/incoming_call_fixture.h"
#include "tests/transport/frames.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// What a call sends: replies, headers and its status.
class IncomingCallRepliesTest : public IncomingCallFixture {
 protected:
  void Finish(absl::Status status) {
    call_->Finish(std::move(status), nullptr);
  }
  void FinishWith(const std::string& value) {
    Text text;
    text.set_value(value);
    const OutgoingMessage reply(text);
    call_->Finish(absl::OkStatus(), &reply);
  }
  // A reply that uses up the client's credit.
  void Exhaust() {
    EXPECT_TRUE(SendText(std::string(70'000, 'x')));
    EXPECT_EQ(origin_->sent.size(), 1u);
    origin_->sent.clear();
  }
};

TEST_F(IncomingCallRepliesTest, OneReplyIsInTheStatus) {
  Make(MethodKind::kUnary);
  FinishWith("reply");
  ExpectStatus(absl::StatusCode::kOk);
  ASSERT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(origin_->header(0).flags, kFlagMessage);
  EXPECT_EQ(origin_->payload(0), TextBytes("reply"));
  EXPECT_EQ(origin_->flushes, 1);
  EXPECT_FALSE(call_->context().IsCancelled());
}

TEST_F(IncomingCallRepliesTest, TheFirstEndCounts) {
  Make(MethodKind::kUnary);
  Finish(absl::NotFoundError("nothing"));
  FinishWith("reply");
  call_->Abort(absl::InternalError("dropped"));
  ExpectStatus(absl::StatusCode::kNotFound);
}

TEST_F(IncomingCallRepliesTest, AnEndWithoutTheOneReplyIsTheHandlersMistake) {
  Make(MethodKind::kClientStreaming);
  Finish(absl::OkStatus());
  ExpectStatus(absl::StatusCode::kInternal);
}

TEST_F(IncomingCallRepliesTest, AReplyBeyondTheClientsLimitIsNotSent) {
  Make(MethodKind::kUnary);
  FinishWith(std::string(kGuaranteedMessageBytes, 'x'));
  ExpectStatus(absl::StatusCode::kResourceExhausted);
}

TEST_F(IncomingCallRepliesTest, AMessageBeyondTheClientsLimitFailsTheCall) {
  Make(MethodKind::kServerStreaming);
  EXPECT_FALSE(SendText(std::string(kGuaranteedMessageBytes, 'x')));
  ExpectStatus(absl::StatusCode::kResourceExhausted);
  ExpectEndedForHandler();
}

TEST_F(IncomingCallRepliesTest, AParcelThatIsNotInOrderFailsTheCall) {
  Make(MethodKind::kServerStreaming);
  FileParcel parcel;  // names no descriptor
  EXPECT_FALSE(call_->Send(parcel, false));
  ExpectStatus(absl::StatusCode::kInternal);
  ExpectEndedForHandler();
}

TEST_F(IncomingCallRepliesTest, AParcelThatIsNotInOrderIsNoReply) {
  Make(MethodKind::kUnary);
  FileParcel parcel;
  const OutgoingMessage reply(parcel);
  call_->Finish(absl::OkStatus(), &reply);
  ExpectStatus(absl::StatusCode::kInternal);
}

TEST_F(IncomingCallRepliesTest, MessagesGoAsLongAsThereIsCredit) {
  reply_limits_.bytes = 1u << 20;
  Make(MethodKind::kServerStreaming);
  EXPECT_TRUE(call_->Ready(CallEvent::kRoom));
  EXPECT_TRUE(SendText(std::string(40'000, 'x')));
  EXPECT_TRUE(SendText(std::string(40'000, 'x')));
  EXPECT_EQ(origin_->sent.size(), 2u);
  EXPECT_EQ(origin_->flushes, 2);
  EXPECT_TRUE(call_->Ready(CallEvent::kRoom));
  // This one is taken over, and waits.
  EXPECT_TRUE(SendText("third"));
  EXPECT_EQ(origin_->sent.size(), 2u);
  EXPECT_FALSE(call_->Ready(CallEvent::kRoom));
  CountingContinuation writer;
  call_->Notify(CallEvent::kRoom, writer);
  EXPECT_TRUE(call_->OnCredit({.bytes = 1000}).ok());
  EXPECT_EQ(RunPosted(), 0);
  EXPECT_TRUE(call_->OnCredit({.descriptors = 1000}).ok());
  EXPECT_EQ(RunPosted(), 0);
  EXPECT_TRUE(call_->OnCredit({.bytes = 14'000}).ok());
  EXPECT_EQ(RunPosted(), 1);
  ASSERT_EQ(origin_->sent.size(), 3u);
  EXPECT_EQ(origin_->payload(2), TextBytes("third"));
  EXPECT_TRUE(call_->Ready(CallEvent::kRoom));
  Finish(absl::OkStatus());
  ExpectStatus(absl::StatusCode::kOk);
}

TEST_F(IncomingCallRepliesTest, MessagesWaitForRoomToo) {
  Make(MethodKind::kServerStreaming);
  origin_->has_room = false;
  EXPECT_TRUE(SendText("waits"));
  EXPECT_TRUE(origin_->sent.empty());
  EXPECT_FALSE(call_->OnRoom());
  origin_->has_room = true;
  EXPECT_TRUE(call_->OnRoom());
  EXPECT_EQ(origin_->sent.size(), 1u);
  EXPECT_FALSE(call_->OnRoom());
  Finish(absl::OkStatus());
}

TEST_F(IncomingCallRepliesTest, MoreCreditThanMakesSenseIsAViolation) {
  Make(MethodKind::kServerStreaming);
  EXPECT_TRUE(absl::IsInvalidArgument(call_->OnCredit({.bytes = kMaxCredit})));
  call_->OnClientGone();
}

TEST_F(IncomingCallRepliesTest, CreditForACallWithOneReplyFailsTheCall) {
  Make(MethodKind::kUnary);
  EXPECT_TRUE(call_->OnCredit({.bytes = 1}).ok());
  ExpectStatus(absl::StatusCode::kInternal);
}

TEST_F(IncomingCallRepliesTest, TheEndGoesBehindAMessageThatWaits) {
  reply_limits_.bytes = 1u << 20;
  Make(MethodKind::kServerStreaming);
  Exhaust();
  EXPECT_TRUE(SendText("waits"));
  Finish(absl::OkStatus());
  EXPECT_TRUE(call_->Ready(CallEvent::kEnd));
  EXPECT_TRUE(origin_->sent.empty());
  EXPECT_TRUE(origin_->ended.empty()) << "it is in progress yet";
  EXPECT_TRUE(call_->OnCredit({.bytes = 10'000}).ok());
  ASSERT_EQ(origin_->sent.size(), 2u);
  EXPECT_EQ(origin_->payload(0), TextBytes("waits"));
  ExpectStatus(absl::StatusCode::kOk);
}

TEST_F(IncomingCallRepliesTest, ADeadlineEndsACallWhoseEndWaits) {
  reply_limits_.bytes = 1u << 20;
  Make(MethodKind::kServerStreaming,
       Clock::Real().Now() + std::chrono::hours(1));
  Exhaust();
  EXPECT_TRUE(SendText("waits"));
  EXPECT_FALSE(deadline_is_watched());
  Finish(absl::OkStatus());
  EXPECT_TRUE(deadline_is_watched());
  call_->OnDeadline();
  EXPECT_EQ(origin_->sent.size(), 1u) << "the message has no use any more";
  ExpectStatus(absl::StatusCode::kDeadlineExceeded);
}

TEST_F(IncomingCallRepliesTest, AFailureReplacesWhatWaits) {
  reply_limits_.bytes = 1u << 20;
  Make(MethodKind::kServerStreaming);
  Exhaust();
  const DescriptorCensus before = TakeCensus();
  FileParcel parcel(FileWith("file"));
  EXPECT_TRUE(call_->Send(parcel, false));
  EXPECT_NE(TakeCensus(), before);
  Finish(absl::OkStatus());
  call_->Fail(absl::InternalError("it failed"));
  EXPECT_EQ(TakeCensus(), before);
  EXPECT_EQ(origin_->sent.size(), 1u);
  ExpectStatus(absl::StatusCode::kInternal);
}

TEST_F(IncomingCallRepliesTest, HeadersGoBeforeTheFirstMessage) {
  Make(MethodKind::kServerStreaming);
  call_->context().headers().Add("key", "value");
  call_->context().trailers().Add("key", "value");
  EXPECT_TRUE(SendText("first"));
  EXPECT_EQ(origin_->flushes, 1) << "the two are one batch";
  EXPECT_TRUE(SendText("second"));
  Finish(absl::OkStatus());
  ASSERT_EQ(origin_->sent.size(), 4u);
  EXPECT_EQ(origin_->header(0).type, kHeadersType);
  EXPECT_THAT(origin_->payload(0), HasSubstr("value"));
  EXPECT_EQ(origin_->header(1).type, kMessageType);
  EXPECT_EQ(origin_->header(2).type, kMessageType);
  EXPECT_EQ(origin_->header(3).flags, kFlagTrailers);
}

TEST_F(IncomingCallRepliesTest, HeadersGoEvenIfTheMessageWaits) {
  Make(MethodKind::kServerStreaming);
  origin_->has_room = false;
  call_->context().headers().Add("key", "value");
  EXPECT_TRUE(SendText("waits"));
  ASSERT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(origin_->header(0).type, kHeadersType);
  EXPECT_EQ(origin_->flushes, 1);
  call_->OnClientGone();
}

TEST_F(IncomingCallRepliesTest, WithoutAMessageHeadersAreInTheStatus) {
  Make(MethodKind::kServerStreaming);
  call_->context().headers().Add("key", "value");
  Finish(absl::NotFoundError("nothing"));
  ASSERT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(origin_->header(0).flags, kFlagDetails | kFlagMetadata);
}

TEST_F(IncomingCallRepliesTest, HeadersCanBeSentEarlyAndOnce) {
  Make(MethodKind::kUnary);
  call_->context().headers().Add("key", "value");
  call_->context().SendHeaders();
  call_->context().SendHeaders();
  EXPECT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(origin_->flushes, 1);
  FinishWith("reply");
  ASSERT_EQ(origin_->sent.size(), 2u);
  EXPECT_EQ(origin_->header(1).flags, kFlagMessage);
  call_->context().SendHeaders();
  EXPECT_EQ(origin_->sent.size(), 2u);
}

TEST_F(IncomingCallRepliesTest, HeadersThatAreSentEarlyMayBeEmpty) {
  Make(MethodKind::kServerStreaming);
  call_->context().SendHeaders();
  ASSERT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(origin_->header(0).type, kHeadersType);
  EXPECT_EQ(origin_->payload(0), std::string(4, '\0'));
  call_->OnClientGone();
}

TEST_F(IncomingCallRepliesTest, HeadersThatAreNoneFailTheCall) {
  Make(MethodKind::kServerStreaming);
  call_->context().headers().Add("Not A Key", "value");
  EXPECT_FALSE(SendText("first"));
  EXPECT_EQ(origin_->sent.size(), 1u);
  ExpectStatus(absl::StatusCode::kInternal);
  ExpectEndedForHandler();
}

TEST_F(IncomingCallRepliesTest, TrailersThatAreNoneFailTheCall) {
  Make(MethodKind::kUnary);
  call_->context().trailers().Add("Not A Key", "value");
  FinishWith("reply");
  EXPECT_EQ(origin_->header(0).flags, kFlagDetails);
  ExpectStatus(absl::StatusCode::kInternal);
}

TEST_F(IncomingCallRepliesTest, BehindTheDeadlineNoReplyGoes) {
  Make(MethodKind::kUnary, Clock::Real().Now());
  FinishWith("reply");
  ExpectStatus(absl::StatusCode::kDeadlineExceeded);
}

TEST_F(IncomingCallRepliesTest, AHandlersEndEndsTheWaitsOfOthers) {
  Make(MethodKind::kBidirectional);
  CountingContinuation reader;
  CountingContinuation end;
  call_->Notify(CallEvent::kMessage, reader);
  call_->Notify(CallEvent::kEnd, end);
  Finish(absl::OkStatus());
  EXPECT_EQ(RunPosted(), 2);
  EXPECT_EQ(TakeText(), "none");
}

TEST_F(IncomingCallRepliesTest, DescriptorsGoWithTheirMessages) {
  Make(MethodKind::kServerStreaming);
  FileParcel parcel(FileWith("file"));
  EXPECT_TRUE(call_->Send(parcel, false));
  ASSERT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(DescriptorsOf(origin_->sent[0]).size(), 1u);
  EXPECT_EQ(origin_->header(0).descriptor_count, 1u);
  Finish(absl::OkStatus());
  origin_->sent.clear();
}

using IncomingCallRepliesDeathTest = IncomingCallRepliesTest;

TEST_F(IncomingCallRepliesDeathTest, ASendWithoutRoomIsAProgrammersError) {
  Make(MethodKind::kServerStreaming);
  origin_->has_room = false;
  EXPECT_TRUE(SendText("waits"));
  EXPECT_DEATH(SendText("another"), "kRoom");
  call_->OnClientGone();
}

}  // namespace
}  // namespace fdrpc::testing
