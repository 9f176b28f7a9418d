// Everything that can happen to one side of a call, in every order.
#include <array>
#include <cstddef>

#include "call/call_state.h"
#include "gtest/gtest.h"
#include "tests/call/call_state_steps.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using Next = CallState::Next;
using Phase = CallState::Phase;
using Receiving = CallState::Receiving;

// One side alone: each sequence of what can happen to it, up to some length,
// including what no correct peer does.
class AloneSide {
 public:
  static constexpr int kEvents = 21;

  AloneSide(bool client, bool streams)
      : client_(client),
        state_(streams ? StreamsOf(client ? Side::kClient : Side::kServer)
                       : SingleOf(client ? Side::kClient : Side::kServer)) {}

  void Do(int event) {
    const Phase before = state_.phase();
    switch (event) {
      case 0:
        if (before == Phase::kWaiting) state_.OnOpened({.bytes = 20});
        break;
      case 1:
        if (before == Phase::kOpen && !state_.sent_behind_open()) {
          state_.OnUnseen();
        }
        break;
      case 2:
      case 3:
        if (state_.sends() && state_.has_room()) state_.Send(9, 0, event == 3);
        break;
      case 4:
        half_closes_ += state_.HalfClose();
        break;
      case 5:
        Queue();
        break;
      case 6:
        EXPECT_TRUE(state_.OnCredit({.bytes = 30}));
        break;
      case 7:
        if (!client_) finishes_ += state_.Finish();
        break;
      case 8:
        ends_ += state_.End();
        break;
      case 9:
        (void)state_.Drop();
        break;
      case 10:
        state_.StopReceiving();
        break;
      case 11:
      case 12:
        if (state_.receives()) pieces_ += event == 12;
        (void)Arrive(state_, "x", /*more=*/event == 11);
        break;
      case 13:
        (void)ArriveHalfClose(state_);
        break;
      case 14:
        (void)state_.OnHeaders();
        break;
      case 15:
        headers_sent_ += state_.SendHeaders();
        break;
      case 16:
        taken_ += TakeFrom(state_) != "none";
        break;
      default:
        Await(static_cast<CallEvent>(event - 17));
        break;
    }
    Check(before);
  }

  // Ends it, if nothing has ended it yet.
  void End() {
    ends_ += state_.End();
    Check(state_.phase());
    EXPECT_TRUE(state_.waits().empty());
    for (const Waiter& waiter : waiters_) EXPECT_EQ(waiter.told, waiter.asked);
    EXPECT_EQ(ends_, 1);
  }

 private:
  struct Waiter {
    CountedThread thread;
    int asked = 0;
    int told = 0;
  };

  void Queue() {
    const Next next = state_.next();
    if (next == Next::kNothing) return;
    state_.OnQueued(next);
    half_closes_sent_ += next == Next::kHalfClose;
    ends_ += next == Next::kEnd;
  }

  void Await(CallEvent event) {
    Waiter& waiter = waiters_[static_cast<size_t>(event)];
    if (!state_.waits().IsFree(event) || state_.Ready(event)) return;
    state_.waits().Add(event, {.thread = &waiter.thread});
    ++waiter.asked;
  }

  void Check(Phase before) {
    while (const CallWait wait = state_.TakeEndedWait()) {
      for (Waiter& waiter : waiters_)
        waiter.told += wait.thread == &waiter.thread;
    }
    for (int i = 0; i < kCallEvents; ++i) {
      const auto event = static_cast<CallEvent>(i);
      const Waiter& waiter = waiters_[static_cast<size_t>(i)];
      EXPECT_EQ(waiter.asked - waiter.told,
                state_.waits().IsFree(event) ? 0 : 1);
      if (state_.finished()) {
        EXPECT_TRUE(state_.Ready(event));
      }
    }
    // It is back only to be opened again.
    EXPECT_TRUE(state_.phase() >= before ||
                (state_.phase() == Phase::kWaiting && before == Phase::kOpen));
    EXPECT_LE(half_closes_, 1);
    EXPECT_LE(half_closes_sent_, half_closes_);
    EXPECT_LE(finishes_, 1);
    EXPECT_LE(headers_sent_, 1);
    EXPECT_EQ(ends_, state_.ended() ? 1 : 0);
    EXPECT_LE(taken_, pieces_) << "none twice";
    if (state_.ended()) {
      EXPECT_EQ(state_.next(), Next::kNothing);
      EXPECT_TRUE(state_.has_room());
    }
    if (state_.phase() == Phase::kWaiting) {
      EXPECT_EQ(state_.next(), Next::kNothing);
    }
    if (state_.receiving() == Receiving::kDropped) {
      EXPECT_FALSE(state_.receives());
    }
  }

  const bool client_;
  CallState state_;
  std::array<Waiter, kCallEvents> waiters_;
  int half_closes_ = 0;
  int half_closes_sent_ = 0;
  int finishes_ = 0;
  int ends_ = 0;
  int headers_sent_ = 0;
  int pieces_ = 0;
  int taken_ = 0;
};

TEST(CallStateAloneTest, HoldsWhateverHappensToIt) {
  constexpr int kLength = 4;
  int sequences = 1;
  for (int i = 0; i < kLength; ++i) sequences *= AloneSide::kEvents;
  for (const bool client : {false, true}) {
    for (const bool streams : {false, true}) {
      for (int sequence = 0; sequence < sequences; ++sequence) {
        AloneSide side(client, streams);
        for (int i = 0, rest = sequence; i < kLength;
             ++i, rest /= AloneSide::kEvents) {
          side.Do(rest % AloneSide::kEvents);
        }
        side.End();
        ASSERT_FALSE(::testing::Test::HasFailure())
            << client << streams << " " << sequence;
      }
    }
  }
}

}  // namespace
}  // namespace fdrpc::testing
