#include "call/call_state.h"

#include <array>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/call/call_state_steps.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using Next = CallState::Next;
using Phase = CallState::Phase;
using Receiving = CallState::Receiving;
using Sending = CallState::Sending;

class CountedContinuation final : public Continuation {
 public:
  void Run() override {}
};

// An open call with streams in both directions.
class CallStateTest : public ::testing::Test {
 protected:
  // Sends a message for which there is credit.
  void SendNow(size_t bytes, size_t descriptors) {
    ASSERT_TRUE(state_.has_room());
    state_.Send(bytes, descriptors, false);
    ASSERT_EQ(state_.next(), Next::kMessage);
    state_.OnQueued(Next::kMessage);
  }
  void ExpectWaits(size_t bytes, size_t descriptors) {
    state_.Send(bytes, descriptors, false);
    EXPECT_EQ(state_.next(), Next::kNothing);
    EXPECT_FALSE(state_.has_room());
    EXPECT_FALSE(state_.Ready(CallEvent::kRoom));
  }

  ExpectSameDescriptors census_;
  CallState state_{StreamsOf(Side::kServer)};
};

// ---- sending

TEST_F(CallStateTest, HasRoomAndNothingToSendAtFirst) {
  EXPECT_TRUE(state_.has_room());
  EXPECT_TRUE(state_.sends());
  EXPECT_EQ(state_.next(), Next::kNothing);
}

TEST_F(CallStateTest, OneMessageWaitsUntilItIsQueued) {
  state_.Send(50, 2, false);
  EXPECT_FALSE(state_.has_room());
  EXPECT_EQ(state_.next(), Next::kMessage);
  EXPECT_EQ(state_.waiting_bytes(), 50u);
  EXPECT_EQ(state_.waiting_descriptors(), 2u);
  state_.OnQueued(Next::kMessage);
  EXPECT_TRUE(state_.has_room());
  EXPECT_EQ(state_.next(), Next::kNothing);
}

TEST_F(CallStateTest, AMessageMayGoAsLongAsAnythingIsLeftOfTheCredit) {
  SendNow(50, 2);
  SendNow(50, 0);
  ExpectWaits(1, 0);
  EXPECT_TRUE(state_.OnCredit({.bytes = 2 * kMessageCostBytes}));
  EXPECT_EQ(state_.next(), Next::kNothing)
      << "it makes good what was overspent";
  EXPECT_TRUE(state_.OnCredit({.bytes = 1}));
  EXPECT_EQ(state_.next(), Next::kMessage);
}

TEST_F(CallStateTest, OnlyAMessageWithDescriptorsWaitsForCreditOfThem) {
  SendNow(0, 3);
  SendNow(0, 0);
  ExpectWaits(0, 1);
  EXPECT_TRUE(state_.OnCredit({.descriptors = 2}));
  EXPECT_EQ(state_.next(), Next::kMessage);
}

TEST_F(CallStateTest, RefusesAGrantThatMakesNoSense) {
  EXPECT_TRUE(state_.OnCredit({.bytes = kMaxCredit - 100}));
  EXPECT_FALSE(state_.OnCredit({.bytes = 1}));
  state_.End();
  EXPECT_TRUE(state_.OnCredit({.bytes = 1})) << "it crossed with the end";
}

TEST_F(CallStateTest, TheHalfCloseGoesBehindTheMessageThatWaits) {
  SendNow(200, 0);
  ExpectWaits(1, 0);
  EXPECT_TRUE(state_.HalfClose());
  EXPECT_EQ(state_.sending(), Sending::kHalfClosing);
  EXPECT_FALSE(state_.sends());
  EXPECT_FALSE(state_.HalfClose()) << "once";
  EXPECT_EQ(state_.next(), Next::kNothing);
  EXPECT_TRUE(state_.OnCredit({.bytes = 1000}));
  ASSERT_EQ(state_.next(), Next::kMessage);
  state_.OnQueued(Next::kMessage);
  ASSERT_EQ(state_.next(), Next::kHalfClose);
  state_.OnQueued(Next::kHalfClose);
  EXPECT_EQ(state_.sending(), Sending::kHalfClosed);
  EXPECT_EQ(state_.next(), Next::kNothing);
}

TEST_F(CallStateTest, TheLastMessageHasItsHalfCloseWithIt) {
  state_.Send(1, 0, /*last=*/true);
  EXPECT_FALSE(state_.sends());
  EXPECT_FALSE(state_.HalfClose());
  ASSERT_EQ(state_.next(), Next::kMessage);
  state_.OnQueued(Next::kMessage);
  EXPECT_EQ(state_.next(), Next::kNothing);
}

TEST_F(CallStateTest, TheStatusGoesBehindTheMessageThatWaits) {
  SendNow(200, 0);
  ExpectWaits(1, 0);
  EXPECT_TRUE(state_.Finish());
  EXPECT_FALSE(state_.Finish()) << "once";
  EXPECT_EQ(state_.phase(), Phase::kEnding);
  EXPECT_FALSE(state_.sends());
  EXPECT_EQ(state_.next(), Next::kNothing);
  EXPECT_TRUE(state_.OnCredit({.bytes = 1000}));
  ASSERT_EQ(state_.next(), Next::kMessage);
  state_.OnQueued(Next::kMessage);
  ASSERT_EQ(state_.next(), Next::kEnd);
  state_.OnQueued(Next::kEnd);
  EXPECT_TRUE(state_.ended());
  EXPECT_FALSE(state_.End()) << "it has ended";
}

TEST_F(CallStateTest, NothingGoesOnceItHasEnded) {
  SendNow(200, 0);
  ExpectWaits(1, 0);
  state_.HalfClose();
  EXPECT_TRUE(state_.End());
  EXPECT_TRUE(state_.OnCredit({.bytes = 1000}));
  EXPECT_EQ(state_.next(), Next::kNothing);
  EXPECT_TRUE(state_.has_room()) << "nobody waits for it";
  EXPECT_FALSE(state_.Finish());
}

TEST_F(CallStateTest, HeadersGoOnce) {
  EXPECT_TRUE(state_.SendHeaders());
  EXPECT_FALSE(state_.SendHeaders());
  EXPECT_FALSE(state_.Ready(CallEvent::kHeaders)) << "a server gets none";
}

TEST(CallStateOfAClientTest, NothingGoesBeforeItIsOpen) {
  CallState state(StreamsOf(Side::kClient));
  state.Send(1, 0, true);
  EXPECT_EQ(state.next(), Next::kNothing);
  state.OnOpened({.bytes = 1});
  EXPECT_EQ(state.next(), Next::kMessage);
}

TEST(CallStateOfAClientTest, BeginsAnewWithTheMessageThatWaits) {
  CallState state(StreamsOf(Side::kClient));
  state.OnOpened({});
  state.Send(1, 0, false);
  EXPECT_EQ(state.next(), Next::kNothing) << "without credit";
  EXPECT_FALSE(state.sent_behind_open());
  state.OnUnseen();
  EXPECT_TRUE(state.OnCredit({.bytes = 500}));
  EXPECT_EQ(state.next(), Next::kNothing);
  state.OnOpened({.bytes = 1});
  ASSERT_EQ(state.next(), Next::kMessage);
  state.OnQueued(Next::kMessage);
  EXPECT_TRUE(state.sent_behind_open());
  state.Send(1, 0, false);
  EXPECT_EQ(state.next(), Next::kNothing) << "the former credit is gone";
}

TEST(CallStateOfAClientTest, SendsNoMessagesBehindASingleRequest) {
  CallState state(SingleOf(Side::kClient));
  EXPECT_FALSE(state.sends());
  EXPECT_FALSE(state.HalfClose()) << "it is in the open frame";
  state.OnOpened({});
  EXPECT_EQ(state.next(), Next::kNothing);
  EXPECT_TRUE(state.Ready(CallEvent::kRoom));
}

// ---- receiving

TEST_F(CallStateTest, GivesMessagesInOrderUpToTheHalfClose) {
  EXPECT_FALSE(state_.Ready(CallEvent::kMessage));
  ASSERT_TRUE(Arrive(state_, "one").ok());
  ASSERT_TRUE(Arrive(state_, "t", /*more=*/true).ok());
  EXPECT_TRUE(state_.incomplete());
  ASSERT_TRUE(Arrive(state_, "wo").ok());
  EXPECT_FALSE(state_.incomplete());
  ASSERT_TRUE(ArriveHalfClose(state_).ok());
  EXPECT_EQ(state_.receiving(), Receiving::kHalfClosed);
  EXPECT_EQ(TakeFrom(state_), "one");
  EXPECT_EQ(TakeFrom(state_), "two");
  EXPECT_EQ(TakeFrom(state_), "none");
  EXPECT_TRUE(state_.Ready(CallEvent::kMessage)) << "there will be none";
}

TEST_F(CallStateTest, NothingComesBehindAHalfClose) {
  ASSERT_TRUE(ArriveHalfClose(state_).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Arrive(state_, "one", false, 2)));
  EXPECT_TRUE(absl::IsInvalidArgument(ArriveHalfClose(state_)));
}

TEST_F(CallStateTest, NothingComesBehindAHalfCloseThoughNobodyWantsIt) {
  ASSERT_TRUE(ArriveHalfClose(state_).ok());
  ASSERT_TRUE(state_.Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(Arrive(state_, "one", false, 2)));
  EXPECT_TRUE(absl::IsInvalidArgument(ArriveHalfClose(state_)));
}

TEST_F(CallStateTest, NothingComesBehindAHalfCloseThatNobodyWanted) {
  ASSERT_TRUE(state_.Finish());
  ASSERT_TRUE(Arrive(state_, "one").ok());
  ASSERT_TRUE(ArriveHalfClose(state_).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Arrive(state_, "two", false, 2)));
}

TEST_F(CallStateTest, AHalfCloseWithinAMessageIsImpossible) {
  ASSERT_TRUE(Arrive(state_, "on", /*more=*/true).ok());
  EXPECT_TRUE(ArriveHalfClose(state_).ok()) << "not the connection's end";
  EXPECT_EQ(state_.received().message(),
            "the client half-closed within a message");
  EXPECT_NE(state_.receiving(), Receiving::kHalfClosed)
      << "the user does not take it for one";
}

TEST_F(CallStateTest, WhoSendsNoMoreIsGrantedNoMore) {
  ASSERT_TRUE(Arrive(state_, std::string(90, 'x')).ok());
  ASSERT_TRUE(Arrive(state_, std::string(90, 'x')).ok());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(Arrive(state_, "").ok());
  ReceivedMessage message;
  Credit grant;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(state_.Take(message, grant));
  ASSERT_TRUE(Arrive(state_, std::string(90, 'x'), false, 4).ok());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(state_.Take(message, grant));
  EXPECT_TRUE(grant.empty());
  ASSERT_TRUE(ArriveHalfClose(state_).ok());
  ASSERT_TRUE(state_.Take(message, grant));
  EXPECT_TRUE(grant.empty()) << "though half of the window has been taken";
}

TEST_F(CallStateTest, WhoStopsWaitsForNothingButTakesWhatThereIs) {
  ASSERT_TRUE(Arrive(state_, "one").ok());
  state_.StopReceiving();
  EXPECT_TRUE(state_.Ready(CallEvent::kMessage));
  EXPECT_EQ(TakeFrom(state_), "one");
  EXPECT_TRUE(state_.Ready(CallEvent::kMessage));
  ASSERT_TRUE(Arrive(state_, "two").ok());
  EXPECT_EQ(TakeFrom(state_), "two");
  ASSERT_TRUE(ArriveHalfClose(state_).ok());
  state_.StopReceiving();
  EXPECT_EQ(state_.receiving(), Receiving::kHalfClosed);
}

TEST_F(CallStateTest, DropsWhatTheUserDoesNotWant) {
  ASSERT_TRUE(Arrive(state_, "one", false, 2).ok());
  ASSERT_TRUE(Arrive(state_, "tw", /*more=*/true, 2).ok());
  std::vector<ReceivedMessage> unwanted = state_.Drop();
  ASSERT_EQ(unwanted.size(), 2u) << "also the beginning of one";
  EXPECT_EQ(unwanted[0].descriptors.size(), 2u);
  EXPECT_EQ(unwanted[1].descriptors.size(), 2u);
  EXPECT_TRUE(state_.Drop().empty());
  EXPECT_FALSE(state_.receives());
  EXPECT_FALSE(state_.incomplete());
  EXPECT_TRUE(Arrive(state_, "o", false, 2).ok()) << "it crossed with the end";
  EXPECT_TRUE(ArriveHalfClose(state_).ok());
  EXPECT_EQ(TakeFrom(state_), "none");
}

TEST(CallStateOfASingleMessageTest, IsIncompleteUntilTheHalfClose) {
  CallState state(SingleOf(Side::kServer));
  EXPECT_TRUE(state.incomplete());
  ASSERT_TRUE(Arrive(state, "on", /*more=*/true).ok());
  ASSERT_TRUE(Arrive(state, "e").ok());
  EXPECT_FALSE(state.receives()) << "another one would be too many";
  EXPECT_TRUE(state.incomplete());
  ASSERT_TRUE(ArriveHalfClose(state).ok());
  EXPECT_FALSE(state.incomplete());
  EXPECT_EQ(state.TakeSingle().bytes.ToString(), "one");
  EXPECT_FALSE(state.has_message());
  EXPECT_TRUE(state.Ready(CallEvent::kMessage));
}

TEST(CallStateOfASingleMessageTest, IsThereForItsHandlerThoughTheCallHasEnded) {
  CallState state(SingleOf(Side::kServer));
  ASSERT_TRUE(Arrive(state, "one").ok());
  ASSERT_TRUE(ArriveHalfClose(state).ok());
  EXPECT_TRUE(state.End());
  EXPECT_TRUE(state.Drop().empty());
  EXPECT_EQ(TakeFrom(state), "none");
  EXPECT_EQ(state.TakeSingle().bytes.ToString(), "one");
}

TEST(CallStateOfASingleMessageTest, AHalfCloseWithoutItIsImpossible) {
  CallState state(SingleOf(Side::kServer));
  EXPECT_TRUE(ArriveHalfClose(state).ok());
  EXPECT_EQ(state.received().message(),
            "the client half-closed without a message");
}

TEST(CallStateOfAClientTest, GetsHeadersFirstOrNotAtAll) {
  CallState state(StreamsOf(Side::kClient));
  state.OnOpened({});
  EXPECT_FALSE(state.Ready(CallEvent::kHeaders));
  EXPECT_TRUE(state.OnHeaders());
  EXPECT_TRUE(state.Ready(CallEvent::kHeaders));
  EXPECT_FALSE(state.OnHeaders()) << "twice";

  CallState behind_message(StreamsOf(Side::kClient));
  behind_message.OnOpened({});
  ASSERT_TRUE(Arrive(behind_message, "o", /*more=*/true).ok());
  EXPECT_FALSE(behind_message.Ready(CallEvent::kHeaders));
  EXPECT_FALSE(behind_message.OnHeaders());
  ASSERT_TRUE(Arrive(behind_message, "ne").ok());
  EXPECT_TRUE(behind_message.Ready(CallEvent::kHeaders)) << "there are none";
  EXPECT_EQ(TakeFrom(behind_message), "one");
  EXPECT_FALSE(behind_message.OnHeaders());
}

// ---- waits

TEST_F(CallStateTest, AWaitEndsOnceWhenItsEventComes) {
  CountedThread thread;
  CountedContinuation continuation;
  CallWaits& waits = state_.waits();
  waits.Add(CallEvent::kMessage, {.thread = &thread});
  waits.Add(CallEvent::kEnd, {.continuation = &continuation});
  EXPECT_FALSE(waits.IsFree(CallEvent::kMessage));
  EXPECT_TRUE(waits.IsFree(CallEvent::kRoom));
  EXPECT_FALSE(state_.TakeEndedWait());
  ASSERT_TRUE(Arrive(state_, "one").ok());
  EXPECT_EQ(state_.TakeEndedWait().thread, &thread);
  EXPECT_FALSE(state_.TakeEndedWait());
  EXPECT_TRUE(waits.IsFree(CallEvent::kMessage));
  state_.End();
  EXPECT_EQ(state_.TakeEndedWait().continuation, &continuation);
  EXPECT_FALSE(state_.TakeEndedWait());
  EXPECT_TRUE(waits.empty());
}

TEST_F(CallStateTest, AWaitThatIsTakenBackDoesNotEnd) {
  CountedThread thread, other_thread;
  CountedContinuation continuation, other;
  CallWaits& waits = state_.waits();
  waits.Add(CallEvent::kRoom, {.thread = &thread});
  waits.Add(CallEvent::kHeaders, {.continuation = &continuation});
  EXPECT_FALSE(waits.Remove(CallEvent::kRoom, other_thread));
  EXPECT_FALSE(waits.Remove(CallEvent::kMessage, thread));
  EXPECT_FALSE(waits.Remove(other));
  EXPECT_TRUE(waits.Remove(CallEvent::kRoom, thread));
  EXPECT_TRUE(waits.Remove(continuation));
  EXPECT_FALSE(waits.Remove(continuation));
  state_.End();
  EXPECT_FALSE(state_.TakeEndedWait());
}

TEST_F(CallStateTest, EveryWaitEndsWithTheCall) {
  for (const bool finishes : {false, true}) {
    CallState state(StreamsOf(Side::kServer));
    state.Send(1, 9, false);
    std::array<CountedContinuation, kCallEvents> continuations;
    for (int i = 0; i < kCallEvents; ++i) {
      state.waits().Add(
          static_cast<CallEvent>(i),
          {.continuation = &continuations[static_cast<size_t>(i)]});
    }
    EXPECT_TRUE(finishes ? state.Finish() : state.End());
    for (CountedContinuation& continuation : continuations) {
      EXPECT_EQ(state.TakeEndedWait().continuation, &continuation);
    }
    EXPECT_TRUE(state.waits().empty());
  }
}

}  // namespace
}  // namespace fdrpc::testing
