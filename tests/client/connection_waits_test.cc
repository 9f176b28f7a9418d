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

  void NotConnected(MonotonicTime now, ChannelLock& lock, bool busy = false)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    waits_.OnNotConnected(now, busy, lock);
  }
  void Connected(MonotonicTime now, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    waits_.OnConnected(now, lock);
  }
  bool Woken(const WaitingThread& thread) const {
    return thread.parker.has_token();
  }

  ConnectionWaits waits_;
  ChannelMutex mutex_;
};

TEST_F(ConnectionWaitsTest, PausesGrowUntilTheServerHasSaidHello) {
  ChannelLock lock(mutex_);
  Waiter call(/*patient=*/true);
  waits_.Enter(call);
  MonotonicTime now = kStart;
  for (int i = 0; i < 2; ++i) {
    std::vector<int64_t> pauses;
    for (int attempt = 0; attempt < 7; ++attempt) {
      // The server may accept connections and end them.
      attempt % 2 == 0 ? NotConnected(now, lock) : Connected(now, lock);
      pauses.push_back((waits_.next_turn() - now) / milliseconds(1));
      now = waits_.next_turn();
    }
    EXPECT_THAT(pauses, ElementsAre(1, 2, 4, 8, 16, 20, 20));
    waits_.AdmitAll(lock);
    EXPECT_EQ(waits_.next_turn(), MonotonicTime());
  }
  waits_.Leave(call, lock);
}

TEST_F(ConnectionWaitsTest, OneCallMakesTheAttemptAndTheOthersFollowTheHello) {
  ChannelLock lock(mutex_);
  std::deque<Waiter> calls;
  for (int i = 0; i < 3; ++i) waits_.Enter(calls.emplace_back(true));
  EXPECT_EQ(waits_.TakeNext(kStart), &calls[0]);
  Connected(kStart, lock);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
  waits_.AdmitAll(lock);
  EXPECT_EQ(waits_.TakeNext(kStart), &calls[1]);
  EXPECT_EQ(waits_.TakeNext(kStart), &calls[2]);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
}

TEST_F(ConnectionWaitsTest, IfNoHelloComesTheNextTriesAfterThePause) {
  ChannelLock lock(mutex_);
  Waiter first(true);
  Waiter second(true);
  waits_.Enter(first);
  waits_.Enter(second);
  EXPECT_EQ(waits_.TakeNext(kStart), &first);
  Connected(kStart, lock);
  EXPECT_EQ(waits_.TakeNext(waits_.next_turn()), &second);
}

TEST_F(ConnectionWaitsTest, WhoIsImpatientFollowsAtOnceAndWaitsForTheBusyOnly) {
  ChannelLock lock(mutex_);
  Waiter patient(true);
  Waiter first(false);
  Waiter second(false);
  for (Waiter* waiter : {&patient, &first, &second}) waits_.Enter(*waiter);
  NotConnected(kStart, lock, /*busy=*/true);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
  EXPECT_EQ(waits_.TakeNext(waits_.next_turn()), &first);
  Connected(kStart, lock);
  EXPECT_EQ(waits_.TakeNext(kStart), &second);
  EXPECT_EQ(waits_.TakeNext(kStart), nullptr);
  waits_.Leave(patient, lock);
  waits_.Enter(second);
  NotConnected(kStart, lock);
  EXPECT_EQ(waits_.TakeNext(kStart), &second) << "it fails";
}

TEST_F(ConnectionWaitsTest, OneThreadMakesTheAttempts) {
  ChannelLock lock(mutex_);
  WaitingThread threads[3];
  Waiter first(true, &threads[0]);
  Waiter second(true, &threads[1]);
  Waiter third(true, &threads[2]);
  for (Waiter* waiter : {&first, &second, &third}) waits_.Enter(*waiter);
  NotConnected(kStart, lock);
  EXPECT_EQ(waits_.TurnOf(first), kStart + milliseconds(1));
  EXPECT_EQ(waits_.TurnOf(second), kNoDeadline);
  EXPECT_EQ(waits_.next_turn(), kNoDeadline) << "no affair of a loop";
  waits_.Leave(second, lock);
  EXPECT_FALSE(Woken(threads[2]));
  waits_.Leave(first, lock);
  EXPECT_TRUE(Woken(threads[2])) << "it is the one now";
  EXPECT_EQ(waits_.TurnOf(third), kStart + milliseconds(1));
  waits_.Leave(third, lock);
}

TEST_F(ConnectionWaitsTest, ThreadsAreWokenForWhatConcernsThem) {
  ChannelLock lock(mutex_);
  WaitingThread threads[2];
  Waiter patient(true, &threads[0]);
  Waiter impatient(false, &threads[1]);
  waits_.Enter(patient);
  waits_.Enter(impatient);
  NotConnected(kStart, lock, /*busy=*/true);
  EXPECT_EQ(waits_.TurnOf(impatient), kNoDeadline);
  EXPECT_FALSE(Woken(threads[1]));
  Connected(kStart, lock);
  EXPECT_FALSE(Woken(threads[0]));
  EXPECT_TRUE(Woken(threads[1]));
  EXPECT_EQ(waits_.TurnOf(impatient), MonotonicTime());
  waits_.AdmitAll(lock);
  EXPECT_TRUE(Woken(threads[0]));
  EXPECT_EQ(waits_.TurnOf(patient), MonotonicTime());
  waits_.Leave(patient, lock);
  waits_.Leave(impatient, lock);
}

TEST_F(ConnectionWaitsTest, SomebodyPausesOnlyWhileSomebodyWaits) {
  ChannelLock lock(mutex_);
  Waiter call(true);
  EXPECT_FALSE(waits_.Pauses(kStart));
  waits_.Enter(call);
  EXPECT_FALSE(waits_.Pauses(kStart)) << "an attempt is due";
  NotConnected(kStart, lock);
  EXPECT_TRUE(waits_.Pauses(kStart));
  EXPECT_FALSE(waits_.Pauses(waits_.next_turn()));
  waits_.Leave(call, lock);
  EXPECT_FALSE(waits_.Pauses(kStart));
  EXPECT_FALSE(lock.has_deferred());
}

}  // namespace
}  // namespace fdrpc
