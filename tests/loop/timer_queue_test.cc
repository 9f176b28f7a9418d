#include "loop/timer_queue.h"

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TimerQueueTest : public ::testing::Test {
 protected:
  static MonotonicTime At(int when) { return MonotonicTime(seconds(when)); }
  void Set(int timer, int when) { queue_.Set(timers_[timer], At(when)); }
  void Cancel(int timer) { queue_.Cancel(timers_[timer]); }
  // The numbers of the expired timers, in order.
  std::vector<int> Take(int now) {
    std::vector<int> expired;
    while (const auto* timer = queue_.TakeExpired(At(now))) {
      EXPECT_EQ(timer->at(), kNoDeadline);
      expired.push_back(static_cast<int>(timer - timers_.data()));
    }
    return expired;
  }

  TimerQueue queue_;
  std::array<TimerQueue::Timer, 10> timers_;
};

TEST_F(TimerQueueTest, HasNothingAtFirst) {
  EXPECT_EQ(queue_.next(), kNoDeadline);
  EXPECT_EQ(queue_.TakeExpired(kNoDeadline), nullptr);
  EXPECT_EQ(timers_[0].at(), kNoDeadline);
}

TEST_F(TimerQueueTest, GivesThoseThatHaveExpiredInTheOrderOfTheirTimes) {
  Set(0, 3);
  Set(1, 1);
  Set(2, 4);
  Set(3, 2);
  EXPECT_EQ(queue_.next(), At(1));
  EXPECT_THAT(Take(0), IsEmpty());
  EXPECT_THAT(Take(3), ElementsAre(1, 3, 0));
  EXPECT_EQ(queue_.next(), At(4));
  EXPECT_THAT(Take(3), IsEmpty());
  EXPECT_THAT(Take(4), ElementsAre(2)) << "at its time, no later";
  EXPECT_EQ(queue_.next(), kNoDeadline);
}

TEST_F(TimerQueueTest, GivesThoseOfOneTimeInTheOrderInWhichTheyWereSet) {
  for (int timer : {4, 2, 0, 3, 1}) Set(timer, 7);
  Set(2, 7);  // now the last one
  EXPECT_THAT(Take(7), ElementsAre(4, 0, 3, 1, 2));
}

TEST_F(TimerQueueTest, ATimerHasOneTime) {
  Set(0, 5);
  EXPECT_EQ(timers_[0].at(), At(5));
  Set(0, 2);
  EXPECT_EQ(timers_[0].at(), At(2));
  Set(0, 8);
  Set(1, 3);
  EXPECT_THAT(Take(7), ElementsAre(1));
  EXPECT_THAT(Take(8), ElementsAre(0));
}

TEST_F(TimerQueueTest, OneThatIsSetForNeverIsNotSet) {
  Set(0, 1);
  queue_.Set(timers_[0], kNoDeadline);
  EXPECT_EQ(queue_.next(), kNoDeadline);
  EXPECT_EQ(queue_.TakeExpired(kNoDeadline), nullptr);
}

TEST_F(TimerQueueTest, OneThatIsCancelledDoesNotExpire) {
  Cancel(0);  // has no effect
  for (int timer = 0; timer < 6; ++timer) Set(timer, timer);
  Cancel(0);  // the first
  Cancel(3);  // among others
  Cancel(5);  // the last
  Cancel(3);
  EXPECT_EQ(timers_[3].at(), kNoDeadline);
  EXPECT_EQ(queue_.next(), At(1));
  EXPECT_THAT(Take(9), ElementsAre(1, 2, 4));
}

TEST_F(TimerQueueTest, OneThatIsCancelledOrHasExpiredCanBeSetAgain) {
  for (int i = 0; i < 3; ++i) {
    Set(0, 1);
    Set(1, 2);
    Cancel(0);
    Set(0, 3);
    EXPECT_THAT(Take(3), ElementsAre(1, 0));
  }
}

TEST_F(TimerQueueTest, OneMayBeSetOrCancelledBetweenTwoThatExpire) {
  for (int timer = 0; timer < 4; ++timer) Set(timer, 1);
  EXPECT_EQ(queue_.TakeExpired(At(1)), &timers_[0]);
  Set(0, 1);  // again, after the others
  Cancel(2);
  EXPECT_THAT(Take(1), ElementsAre(1, 3, 0));
}

// Cases that the tests above do not have: always the same as with a multimap.
TEST_F(TimerQueueTest, DoesWhatASortedMapDoes) {
  constexpr int kTimers = 200;
  constexpr int kSteps = 50'000;
  std::deque<TimerQueue::Timer> timers(kTimers);
  std::multimap<MonotonicTime, int> expected;
  const auto forget = [&](int timer) {
    std::erase_if(expected,
                  [&](const auto& entry) { return entry.second == timer; });
  };
  std::mt19937 random(1);
  int now = 0;
  for (int step = 0; step < kSteps; ++step) {
    const int timer = static_cast<int>(random() % kTimers);
    switch (random() % 4) {
      case 0:
      case 1: {
        // Many with the same time, some of them in the past.
        const MonotonicTime at = At(now - 3 + static_cast<int>(random() % 30));
        forget(timer);
        expected.emplace(at, timer);
        queue_.Set(timers[timer], at);
        break;
      }
      case 2:
        forget(timer);
        queue_.Cancel(timers[timer]);
        break;
      default:
        now += static_cast<int>(random() % 2);
        for (int i = 0; i < 3; ++i) {
          TimerQueue::Timer* const expired = queue_.TakeExpired(At(now));
          if (expected.empty() || expected.begin()->first > At(now)) {
            ASSERT_EQ(expired, nullptr);
            break;
          }
          ASSERT_EQ(expired, &timers[expected.begin()->second]);
          expected.erase(expected.begin());
        }
    }
    ASSERT_EQ(queue_.next(),
              expected.empty() ? kNoDeadline : expected.begin()->first);
  }
}

// A heap of timers that were all set in order, or in reverse order, is as deep
// or as wide as it can be.
TEST_F(TimerQueueTest, ManyThatAreSetInOrderNeedNoStack) {
  constexpr int kTimers = 300'000;
  std::deque<TimerQueue::Timer> timers(kTimers);
  for (const bool forwards : {true, false}) {
    for (int i = 0; i < kTimers; ++i) {
      queue_.Set(timers[i], At(forwards ? i : kTimers - i));
    }
    for (int i = 0; i < kTimers; ++i) {
      ASSERT_EQ(queue_.TakeExpired(kNoDeadline),
                &timers[forwards ? i : kTimers - 1 - i]);
    }
    ASSERT_EQ(queue_.next(), kNoDeadline);
  }
}

}  // namespace
}  // namespace fdrpc::testing
