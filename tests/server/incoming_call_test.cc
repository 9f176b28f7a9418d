#include "server/incoming_call.h"

#include <chrono>
#include <thread>

#include "tests/server/incoming_call_fixture.h"

namespace fdrpc::testing {
namespace {

class IncomingCallTest : public IncomingCallFixture {};

// ---- requests

TEST_F(IncomingCallTest, OneRequestStartsTheHandlerOnceItIsComplete) {
  Make(MethodKind::kUnary);
  EXPECT_TRUE(Arrive("", kFlagMessage | kFlagMore).ok());
  EXPECT_TRUE(call_->incomplete_since().has_value());
  EXPECT_TRUE(nothing_posted());
  ArriveText("request", kFlagHalfClose);
  EXPECT_FALSE(call_->incomplete_since().has_value());
  EXPECT_EQ(RunPosted(), 1);
  ASSERT_NE(service_->served, nullptr);
  Text request;
  EXPECT_TRUE(service_->served->TakeRequest(request).ok());
  EXPECT_EQ(request.value(), "request");
}

TEST_F(IncomingCallTest, ASecondMessageFailsACallWithOneRequest) {
  Make(MethodKind::kServerStreaming);
  ArriveText("request");
  ArriveText("another");
  ExpectStatus(absl::StatusCode::kInternal);
  EXPECT_TRUE(nothing_posted());
}

TEST_F(IncomingCallTest, AHalfCloseAloneFailsACallWithOneRequest) {
  Make(MethodKind::kUnary);
  ArriveHalfClose();
  ExpectStatus(absl::StatusCode::kInternal);
  EXPECT_TRUE(nothing_posted());
}

TEST_F(IncomingCallTest, AMessageBehindTheHalfCloseIsAViolation) {
  Make(MethodKind::kServerStreaming);
  ArriveText("request", kFlagHalfClose);
  EXPECT_FALSE(Arrive(TextBytes("late"), kFlagMessage).ok());
  call_->OnClientGone();
  RunPosted();
}

TEST_F(IncomingCallTest, ACallThatWasCancelledBeforeItsTurnIsNotServed) {
  Make(MethodKind::kUnary);
  ArriveText("request", kFlagHalfClose);
  call_->OnClientGone();
  EXPECT_EQ(RunPosted(), 1);
  EXPECT_EQ(service_->served, nullptr);
  EXPECT_TRUE(origin_->sent.empty());
}

TEST_F(IncomingCallTest, ACallWhoseDeadlinePassedBeforeItsTurnIsNotServed) {
  Make(MethodKind::kUnary, Clock::Real().Now());
  ArriveText("request", kFlagHalfClose);
  EXPECT_EQ(RunPosted(), 1);
  EXPECT_EQ(service_->served, nullptr);
  ExpectStatus(absl::StatusCode::kDeadlineExceeded);
}

TEST_F(IncomingCallTest, AStreamGivesItsRequestsInOrderUpToTheHalfClose) {
  Make(MethodKind::kClientStreaming);
  EXPECT_FALSE(call_->Ready(CallEvent::kMessage));
  EXPECT_EQ(TakeText(), "none");
  ArriveText("a");
  ArriveText("b");
  EXPECT_FALSE(call_->incomplete_since().has_value());
  EXPECT_TRUE(call_->Ready(CallEvent::kMessage));
  EXPECT_EQ(TakeText(), "a");
  EXPECT_EQ(TakeText(), "b");
  EXPECT_FALSE(call_->Ready(CallEvent::kMessage));
  ArriveHalfClose();
  EXPECT_TRUE(call_->Ready(CallEvent::kMessage));
  EXPECT_EQ(TakeText(), "none");
  EXPECT_FALSE(call_->Ready(CallEvent::kEnd));
  EXPECT_FALSE(call_->context().IsCancelled());
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, AStreamIsIncompleteOnlyWithinAMessage) {
  Make(MethodKind::kBidirectional);
  EXPECT_FALSE(call_->incomplete_since().has_value());
  EXPECT_TRUE(Arrive("", kFlagMessage | kFlagMore).ok());
  EXPECT_TRUE(call_->incomplete_since().has_value());
  EXPECT_TRUE(Arrive("", kFlagMessage).ok());
  EXPECT_FALSE(call_->incomplete_since().has_value());
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, WhatIsTakenIsHeldNoMoreAndGrantedAgain) {
  Make(MethodKind::kClientStreaming);
  const size_t size = TextBytes(std::string(200, 'x')).size();
  for (int i = 0; i < 4; ++i) ArriveText(std::string(200, 'x'));
  EXPECT_EQ(origin_->account.held_bytes(), 4 * size);
  TakeText();
  TakeText();
  EXPECT_EQ(origin_->account.held_bytes(), 2 * size);
  EXPECT_TRUE(origin_->sent.empty());
  // Half of the window of 1,000.
  TakeText();
  ASSERT_EQ(origin_->sent.size(), 1u);
  EXPECT_EQ(origin_->header(0).type, kCreditType);
  EXPECT_EQ(origin_->header(0).argument, 3 * (size + kMessageCostBytes));
  EXPECT_EQ(origin_->flushes, 1);
  call_->OnClientGone();
  EXPECT_EQ(origin_->account.held_bytes(), 0u);
}

TEST_F(IncomingCallTest, WhoSendsNoMoreIsGrantedNothing) {
  Make(MethodKind::kClientStreaming);
  ArriveText(std::string(900, 'x'), kFlagHalfClose);
  EXPECT_EQ(TakeText().size(), 900u);
  EXPECT_TRUE(origin_->sent.empty());
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, AMessageBeyondTheCreditIsAViolation) {
  Make(MethodKind::kClientStreaming);
  ArriveText(std::string(1000, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(Arrive("", kFlagMessage)));
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, ARequestThatTheServerMayNotHoldFailsTheCall) {
  Make(MethodKind::kBidirectional);
  origin_->options.max_held_bytes_per_connection = 1;
  ArriveText("request");
  ExpectStatus(absl::StatusCode::kResourceExhausted);
  ExpectEndedForHandler();
}

TEST_F(IncomingCallTest, ARequestThatIsNoneFailsTheCall) {
  Make(MethodKind::kBidirectional);
  EXPECT_TRUE(Arrive("\xff", kFlagMessage).ok());
  ArriveText("fine");
  EXPECT_EQ(TakeText(), "none");
  ExpectStatus(absl::StatusCode::kInternal);
  ExpectEndedForHandler();
  // What the handler sends after that is too late.
  call_->Finish(absl::OkStatus(), nullptr);
  ExpectStatus(absl::StatusCode::kInternal);
}

TEST_F(IncomingCallTest, DescriptorsOfRequestsThatNobodyTakesAreClosed) {
  Make(MethodKind::kClientStreaming);
  const DescriptorCensus before = TakeCensus();
  std::vector<UniqueFd> fds;
  fds.push_back(FileWith("file"));
  EXPECT_TRUE(Arrive(FileParcel::Bytes(), kFlagMessage, std::move(fds)).ok());
  EXPECT_EQ(origin_->account.held_descriptors(), 1u);
  EXPECT_NE(TakeCensus(), before);
  call_->OnClientGone();
  EXPECT_EQ(TakeCensus(), before);
}

TEST_F(IncomingCallTest, TheHandlersEndDropsRequestsBeforeTheClientHears) {
  Make(MethodKind::kBidirectional);
  ArriveText("unread");
  call_->Finish(absl::OkStatus(), nullptr);
  EXPECT_EQ(origin_->account.held_bytes(), 0u);
  ExpectStatus(absl::StatusCode::kOk);
}

// ---- waits

TEST_F(IncomingCallTest, AContinuationRunsWhenItsEventHasCome) {
  Make(MethodKind::kBidirectional);
  CountingContinuation reader;
  call_->Notify(CallEvent::kMessage, reader);
  EXPECT_EQ(RunPosted(), 0);
  ArriveText("a");
  EXPECT_EQ(reader.runs, 0) << "it ran on the thread that reads";
  EXPECT_EQ(RunPosted(), 1);
  EXPECT_EQ(reader.runs, 1);
  // The event has occurred, and the continuation still runs on another thread.
  call_->Notify(CallEvent::kMessage, reader);
  EXPECT_EQ(reader.runs, 1);
  EXPECT_EQ(RunPosted(), 1);
  EXPECT_EQ(reader.runs, 2);
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, APieceOfAMessageWakesNobody) {
  Make(MethodKind::kBidirectional);
  CountingContinuation reader;
  call_->Notify(CallEvent::kMessage, reader);
  EXPECT_TRUE(Arrive("", kFlagMessage | kFlagMore).ok());
  EXPECT_EQ(RunPosted(), 0);
  EXPECT_TRUE(Arrive("", kFlagMessage).ok());
  EXPECT_EQ(RunPosted(), 1);
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, AContinuationCanBeTakenBackUntilItRuns) {
  Make(MethodKind::kBidirectional);
  CountingContinuation reader;
  call_->Notify(CallEvent::kMessage, reader);
  call_->Forget(reader);
  ArriveText("a");
  EXPECT_EQ(RunPosted(), 0);
  call_->Notify(CallEvent::kMessage, reader);
  call_->Forget(reader);
  EXPECT_EQ(RunPosted(), 0);
  EXPECT_EQ(reader.runs, 0);
  call_->Forget(reader);
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, ItsHandlerBeginsOnceThereIsRoomForWhatItReplies) {
  Make(MethodKind::kUnary);
  origin_->has_room = false;
  ArriveText("request", kFlagHalfClose);
  EXPECT_EQ(RunPosted(), 1);
  ASSERT_EQ(origin_->unstarted.size(), 1u);
  EXPECT_EQ(service_->served, nullptr);
  origin_->has_room = true;
  std::exchange(origin_->unstarted, {}).front()->Start();
  EXPECT_EQ(RunPosted(), 1);
  EXPECT_NE(service_->served, nullptr);
}

TEST_F(IncomingCallTest, ACancelEndsEveryWait) {
  Make(MethodKind::kBidirectional);
  origin_->has_room = false;
  EXPECT_TRUE(SendText("waits"));
  CountingContinuation waits[kCallEvents];
  for (int i = 0; i < kCallEvents; ++i) {
    EXPECT_FALSE(call_->Ready(static_cast<CallEvent>(i)));
    call_->Notify(static_cast<CallEvent>(i), waits[i]);
  }
  call_->OnClientGone();
  EXPECT_EQ(RunPosted(), kCallEvents);
  ExpectEndedForHandler();
  EXPECT_TRUE(origin_->sent.empty()) << "something was sent to nobody";
}

TEST_F(IncomingCallTest, AWaitThatBeginsAfterTheEndEnds) {
  Make(MethodKind::kBidirectional);
  call_->OnClientGone();
  CountingContinuation late;
  call_->Notify(CallEvent::kEnd, late);
  EXPECT_EQ(RunPosted(), 1);
  call_->Await(CallEvent::kEnd);
  EXPECT_EQ(origin_->executor.parked, 0);
}

TEST_F(IncomingCallTest, AContinuationMayLetGoOfTheCallAtOnce) {
  class Hasty final : public Continuation {
   public:
    void Run() override { call.reset(); }
    std::shared_ptr<IncomingCall> call;
  };
  Make(MethodKind::kBidirectional);
  call_->OnClientGone();
  Hasty hasty;
  IncomingCall& call = *call_;
  hasty.call = std::move(call_);
  call.Notify(CallEvent::kEnd, hasty);
  EXPECT_EQ(RunPosted(), 1);
}

TEST_F(IncomingCallTest, AThreadThatBlocksSaysSoAndIsWokenByAMessage) {
  Make(MethodKind::kBidirectional);
  std::thread handler([&] {
    call_->Await(CallEvent::kMessage);
    EXPECT_EQ(TakeText(), "a");
  });
  while (origin_->executor.parked == 0) std::this_thread::yield();
  ArriveText("a");
  handler.join();
  call_->OnClientGone();
}

TEST_F(IncomingCallTest, AThreadThatBlocksIsWokenByTheEnd) {
  Make(MethodKind::kBidirectional);
  std::thread reader([&] { call_->Await(CallEvent::kMessage); });
  std::thread other([&] { call_->Await(CallEvent::kEnd); });
  while (origin_->executor.parked < 2) std::this_thread::yield();
  call_->OnClientGone();
  reader.join();
  other.join();
}

TEST_F(IncomingCallTest, AThreadThatBlocksIsWokenByTheDeadline) {
  // The thread sleeps in the kernel, by the kernel's time.
  Make(MethodKind::kBidirectional,
       Clock::Real().Now() + std::chrono::milliseconds(5));
  call_->Await(CallEvent::kMessage);
  EXPECT_EQ(origin_->executor.parked, 1);
  EXPECT_FALSE(deadline_is_watched()) << "its own wait is enough";
  ExpectStatus(absl::StatusCode::kDeadlineExceeded);
  ExpectEndedForHandler();
}

TEST_F(IncomingCallTest, ADeadlineIsWatchedOnlyWhileACallIsWaitedFor) {
  Make(MethodKind::kBidirectional, Clock::Real().Now() + std::chrono::hours(1));
  EXPECT_FALSE(call_->Ready(CallEvent::kMessage));
  EXPECT_FALSE(deadline_is_watched());
  CountingContinuation reader;
  CountingContinuation end;
  call_->Notify(CallEvent::kMessage, reader);
  call_->Notify(CallEvent::kEnd, end);
  EXPECT_TRUE(deadline_is_watched());
  call_->OnDeadline();
  EXPECT_FALSE(deadline_is_watched());
  EXPECT_EQ(RunPosted(), 2);
  ExpectStatus(absl::StatusCode::kDeadlineExceeded);
  ExpectEndedForHandler();
}

TEST_F(IncomingCallTest, ACancelIsSeenByTheTokenAsByTheFlag) {
  Make(MethodKind::kBidirectional);
  const std::stop_token early = call_->context().cancellation();
  EXPECT_FALSE(early.stop_requested());
  call_->Fail(absl::InternalError("it failed"));
  EXPECT_FALSE(early.stop_requested()) << "whoever ended it runs no callbacks";
  EXPECT_EQ(RunPosted(), 1);
  EXPECT_TRUE(early.stop_requested());
  EXPECT_TRUE(call_->context().cancellation().stop_requested());
}

using IncomingCallDeathTest = IncomingCallTest;

TEST_F(IncomingCallDeathTest, TwoWaitsForOneEventAreAProgrammersError) {
  Make(MethodKind::kBidirectional);
  CountingContinuation first;
  CountingContinuation second;
  call_->Notify(CallEvent::kMessage, first);
  EXPECT_DEATH(call_->Notify(CallEvent::kMessage, second),
               "there are two waits for one event");
  call_->OnClientGone();
  RunPosted();
}

TEST_F(IncomingCallTest, SaysWhyItWasCancelled) {
  EXPECT_TRUE(Make(MethodKind::kUnary).context().cancellation_reason().ok());
  call_->OnClientGone();
  EXPECT_EQ(call_->context().cancellation_reason().code(),
            absl::StatusCode::kCancelled);
  Make(MethodKind::kUnary).Cancel(absl::UnavailableError("gone"));
  EXPECT_EQ(call_->context().cancellation_reason(),
            absl::UnavailableError("gone"));
}

TEST_F(IncomingCallTest, SaysThatItsDeadlineHasPassedBeforeItEndsForThat) {
  Make(MethodKind::kUnary, MonotonicTime());
  EXPECT_EQ(call_->context().cancellation_reason().code(),
            absl::StatusCode::kDeadlineExceeded);
  call_->OnDeadline();
  EXPECT_EQ(call_->context().cancellation_reason().code(),
            absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace fdrpc::testing
