#include "client/connection_waits.h"

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr MonotonicTime kStart{std::chrono::hours(1)};

class ConnectionWaitsTest : public ::testing::Test {
 protected:
  using Waiter = ConnectionWaits::Waiter;

  void NotConnected(MonotonicTime now, bool busy = false) {
    waits_.OnNotConnected(now, busy, lock_);
  }
  void Connected(MonotonicTime now) { waits_.OnConnected(now, lock_); }
  bool Woken(const WaitingThread& thread) const {
    return thread.parker.has_token();
  }

  ConnectionWaits waits_;
  ChannelMutex mutex_;
  ChannelLock lock_{mutex_};
};

TEST_F(ConnectionWaitsTest, PausesGrowUntilTheServerHasSaidHello) {
  Waiter call(/*patient=*/true);
  waits_.Enter(call);
  MonotonicTime now = kStart;
  for (int i = 0; i < 2; ++i) {
    std::vector<int64_t> pauses;
    for (int attempt = 0; attempt < 7; ++attempt) {
      // It may take connections, and end them.
      attempt % 2 == 0 ? NotConnected(now) : Connected(now);
      pauses.push_back((waits_.next_turn() - now) / milliseconds(1));
      now = waits_.next_turn();
    }
    EXPECT_THAT(pauses, ElementsAre(1, 2, 4, 8, 16, 20, 20));
    waits_.AdmitAll(lock_);
    EXPECT_EQ(waits_.next_turn(), MonotonicTime());
  }
  waits_.Leave(call, lock_);
}

TEST_F(ConnectionWaitsTest, OneCallMakesTheAttemptAndTheOthersFollowTheHello) {
  std::deque<Waiter> calls;
  for (int i = 0; i < 3; ++i) waits_.Enter(calls.emplace_back(true));
  EXPECT_EQ(waits_.TakeNext(kStart), &calls[0]);
  Connected(kStart);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
  waits_.AdmitAll(lock_);
  EXPECT_EQ(waits_.TakeNext(kStart), &calls[1]);
  EXPECT_EQ(waits_.TakeNext(kStart), &calls[2]);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
}

TEST_F(ConnectionWaitsTest, IfNoHelloComesTheNextTriesAfterThePause) {
  Waiter first(true);
  Waiter second(true);
  waits_.Enter(first);
  waits_.Enter(second);
  EXPECT_EQ(waits_.TakeNext(kStart), &first);
  Connected(kStart);
  EXPECT_EQ(waits_.TakeNext(waits_.next_turn()), &second);
}

TEST_F(ConnectionWaitsTest, WhoIsImpatientFollowsAtOnceAndWaitsForTheBusyOnly) {
  Waiter patient(true);
  Waiter first(false);
  Waiter second(false);
  for (Waiter* waiter : {&patient, &first, &second}) waits_.Enter(*waiter);
  NotConnected(kStart, /*busy=*/true);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
  EXPECT_EQ(waits_.TakeNext(waits_.next_turn()), &first);
  Connected(kStart);
  EXPECT_EQ(waits_.TakeNext(kStart), &second);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
  waits_.Leave(patient, lock_);
  waits_.Enter(second);
  NotConnected(kStart);
  EXPECT_EQ(waits_.TakeNext(kStart), &second) << "it fails";
}

TEST_F(ConnectionWaitsTest, OneThreadMakesTheAttempts) {
  WaitingThread threads[3];
  Waiter first(true, &threads[0]);
  Waiter second(true, &threads[1]);
  Waiter third(true, &threads[2]);
  for (Waiter* waiter : {&first, &second, &third}) waits_.Enter(*waiter);
  NotConnected(kStart);
  EXPECT_EQ(waits_.TurnOf(first), kStart + milliseconds(1));
  EXPECT_EQ(waits_.TurnOf(second), kNoDeadline);
  EXPECT_EQ(waits_.next_turn(), kNoDeadline) << "no affair of a loop";
  waits_.Leave(second, lock_);
  EXPECT_FALSE(Woken(threads[2]));
  waits_.Leave(first, lock_);
  EXPECT_TRUE(Woken(threads[2])) << "it is the one now";
  EXPECT_EQ(waits_.TurnOf(third), kStart + milliseconds(1));
  waits_.Leave(third, lock_);
}

TEST_F(ConnectionWaitsTest, ThreadsAreWokenForWhatConcernsThem) {
  WaitingThread threads[2];
  Waiter patient(true, &threads[0]);
  Waiter impatient(false, &threads[1]);
  waits_.Enter(patient);
  waits_.Enter(impatient);
  NotConnected(kStart, /*busy=*/true);
  EXPECT_EQ(waits_.TurnOf(impatient), kNoDeadline);
  EXPECT_FALSE(Woken(threads[1]));
  Connected(kStart);
  EXPECT_FALSE(Woken(threads[0]));
  EXPECT_TRUE(Woken(threads[1]));
  EXPECT_EQ(waits_.TurnOf(impatient), MonotonicTime());
  waits_.AdmitAll(lock_);
  EXPECT_TRUE(Woken(threads[0]));
  EXPECT_EQ(waits_.TurnOf(patient), MonotonicTime());
  waits_.Leave(patient, lock_);
  waits_.Leave(impatient, lock_);
}

TEST_F(ConnectionWaitsTest, SomebodyPausesOnlyWhileSomebodyWaits) {
  Waiter call(true);
  EXPECT_FALSE(waits_.Pauses(kStart));
  waits_.Enter(call);
  EXPECT_FALSE(waits_.Pauses(kStart)) << "an attempt is due";
  NotConnected(kStart);
  EXPECT_TRUE(waits_.Pauses(kStart));
  EXPECT_FALSE(waits_.Pauses(waits_.next_turn()));
  waits_.Leave(call, lock_);
  EXPECT_FALSE(waits_.Pauses(kStart));
  EXPECT_FALSE(lock_.has_deferred());
}

}  // namespace
}  // namespace fdrpc
