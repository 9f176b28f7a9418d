#include "os/polling_trial.h"

#include <chrono>
#include <cstddef>

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds kRound{int64_t{1} << PollingTrial::kRoundBits};
constexpr nanoseconds kSlot{int64_t{1} << PollingTrial::kSlotBits};

// Makes the waits of a PollingTrial, one after the other, at times that the
// test sets.
class TrialWaits {
 public:
  explicit TrialWaits(nanoseconds start = {}) { now_ += start; }

  // How long each wait takes if it polls, and if it sleeps.
  void Take(nanoseconds polling, nanoseconds sleeping) {
    polling_ = polling;
    sleeping_ = sleeping;
  }
  void Bring(size_t with_polling) { with_polling_ = with_polling; }
  bool Wait() {
    const bool polls = trial_.Polls(now_);
    EXPECT_EQ(trial_.sleeps(), !polls);
    const nanoseconds passed = polls ? polling_ : sleeping_;
    now_ += passed;
    trial_.Add(polls, passed, polls ? with_polling_ : 1);
    return polls;
  }
  // Returns the part of the time in which it polls.
  double RunFor(nanoseconds time) {
    const MonotonicTime end = now_ + time;
    nanoseconds polled{0};
    while (now_ < end) {
      const MonotonicTime began = now_;
      if (Wait()) polled += now_ - began;
    }
    return static_cast<double>(polled.count()) /
           static_cast<double>(time.count());
  }
  // Continues to the middle of the next slot with that place in a round.
  void RunToSlot(int place) {
    const nanoseconds into(now_.time_since_epoch() % kRound);
    nanoseconds time = place * kSlot + kSlot / 2 - into;
    RunFor(time < nanoseconds(0) ? time + kRound : time);
  }
  int CountPolls(int waits) {
    int polls = 0;
    for (int i = 0; i < waits; ++i) polls += Wait();
    return polls;
  }
  MonotonicTime now() const { return now_; }
  bool polls_at(MonotonicTime now) { return trial_.Polls(now); }

 private:
  // The second slot after a trial, in every round.
  MonotonicTime now_ = MonotonicTime() + 1000 * kRound + 3 * kSlot;
  nanoseconds polling_{0};
  nanoseconds sleeping_{0};
  size_t with_polling_ = 1;
  PollingTrial trial_;
};

TEST(PollingTrialTest, WaitsPollUntilSleepingHasBeenTried) {
  TrialWaits waits;
  waits.Take(microseconds(10), microseconds(5));
  EXPECT_GE(waits.RunFor(kRound - 4 * kSlot), 1.0);
  waits.RunFor(4 * kSlot);
  EXPECT_EQ(waits.CountPolls(100), 0) << "after the first trial";
}

TEST(PollingTrialTest, WhatIsSlowerThanSleepingByMoreThanATenthIsNotChosen) {
  TrialWaits waits;
  waits.Take(microseconds(12), microseconds(10));
  waits.RunFor(kRound);
  EXPECT_LT(waits.RunFor(seconds(10)), 0.02);
}

TEST(PollingTrialTest, WhatIsAboutEqualIsNotChanged) {
  TrialWaits waits;
  waits.Take(nanoseconds(10'800), microseconds(10));
  EXPECT_GT(waits.RunFor(seconds(10)), 0.97) << "it polls";
  waits.Take(microseconds(12), microseconds(10));
  waits.RunFor(seconds(5));
  waits.Take(nanoseconds(10'100), microseconds(10));
  EXPECT_LT(waits.RunFor(seconds(5)), 0.02) << "it sleeps";
  waits.Take(nanoseconds(9'900), microseconds(10));
  waits.RunFor(seconds(5));
  EXPECT_GT(waits.RunFor(seconds(10)), 0.97) << "it polls again";
}

TEST(PollingTrialTest, WhilePollingIsBetterSleepingIsSeldomTried) {
  TrialWaits waits;
  waits.Take(microseconds(10), microseconds(40));
  waits.RunFor(seconds(10));
  EXPECT_GT(waits.RunFor(seconds(30)), 0.998);
}

TEST(PollingTrialTest, WhatCountsIsHowMuchComes) {
  TrialWaits waits;
  waits.Take(microseconds(20), microseconds(15));
  waits.RunFor(seconds(1));
  EXPECT_LT(waits.RunFor(seconds(1)), 0.02);
  waits.Bring(2);
  waits.RunFor(seconds(1));
  EXPECT_GT(waits.RunFor(seconds(1)), 0.9);
}

TEST(PollingTrialTest, WhatBecomesTwiceAsSlowSleepsAfterAHundredWaits) {
  TrialWaits waits;
  waits.Take(microseconds(8), microseconds(40));
  waits.RunFor(seconds(10));
  waits.RunToSlot(4);
  waits.Take(microseconds(25), microseconds(20));
  waits.CountPolls(100);
  EXPECT_EQ(waits.CountPolls(50), 0);
  EXPECT_LT(waits.RunFor(seconds(1)), 0.05);
}

TEST(PollingTrialTest, WhatBecomesSlowerForAnotherReasonSoonPollsAgain) {
  TrialWaits waits;
  waits.Take(microseconds(8), microseconds(40));
  waits.RunFor(seconds(10));
  waits.RunToSlot(4);
  waits.Take(microseconds(30), microseconds(60));
  waits.CountPolls(100);
  EXPECT_EQ(waits.CountPolls(50), 0);
  waits.RunFor(4 * kSlot);
  EXPECT_EQ(waits.CountPolls(50), 50);
  EXPECT_GT(waits.RunFor(seconds(10)), 0.97);
}

TEST(PollingTrialTest, AMachineThatBecomesQuietIsNoticedWithinAThirdOfASecond) {
  TrialWaits waits;
  waits.Take(microseconds(25), microseconds(20));
  waits.RunFor(seconds(10));
  waits.Take(microseconds(8), microseconds(20));
  waits.RunFor(5 * kRound);
  EXPECT_EQ(waits.CountPolls(100), 100);
}

TEST(PollingTrialTest, FewArrivalsSayNothing) {
  TrialWaits waits;
  waits.Take(milliseconds(1), microseconds(500));
  EXPECT_GT(waits.RunFor(seconds(1)), 0.9);
}

// Each side would measure less difference if the other did the opposite.
TEST(PollingTrialTest, AllTryAtTheSameTime) {
  TrialWaits old_one;
  old_one.Take(microseconds(10), microseconds(40));
  old_one.RunFor(seconds(30));
  TrialWaits young_one(old_one.now() - TrialWaits().now());
  young_one.Take(microseconds(10), microseconds(40));
  int tried = 0;
  for (int i = 0; i < 100; ++i) {
    old_one.RunToSlot(0);
    young_one.RunFor(old_one.now() - young_one.now());
    if (old_one.polls_at(old_one.now())) continue;
    EXPECT_FALSE(young_one.polls_at(old_one.now())) << i;
    ++tried;
  }
  EXPECT_GE(tried, 1);
}

}  // namespace
}  // namespace fdrpc
