#include "os/busy_poll.h"

#include <sched.h>

#include <chrono>
#include <functional>
#include <thread>

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr microseconds kLongest{50};

// Runs `function` on a new thread, which has not checked its CPUs yet, with at
// most `most` of the process's CPUs.
void OnCpus(int most, const std::function<void()>& function) {
  std::thread([&] {
    cpu_set_t all;
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    cpu_set_t some;
    CPU_ZERO(&some);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&some) < most; ++cpu) {
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &some);
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof(some), &some), 0);
    function();
  }).join();
}

// Successive waits, at times that the test makes up.
class Waits {
 public:
  explicit Waits(absl::Duration longest = absl::FromChrono(kLongest),
                 BusyPoll::Yielding yielding = BusyPoll::Yielding::kNo)
      : poll_(longest, yielding) {}

  // Works for that long, and waits for that long. Returns how long it would
  // poll.
  std::chrono::nanoseconds Wait(std::chrono::nanoseconds wait,
                                std::chrono::nanoseconds work = {}) {
    now_ += work;
    return Wait(wait, BusyPoll::Arrival::kLater);
  }
  std::chrono::nanoseconds Wait(std::chrono::nanoseconds wait,
                                BusyPoll::Arrival arrival) {
    return Wait(wait, wait, arrival);
  }
  // The duration of waits that poll, and of those that do not.
  std::chrono::nanoseconds Wait(std::chrono::nanoseconds polling,
                                std::chrono::nanoseconds sleeping,
                                BusyPoll::Arrival arrival) {
    const BusyPoll::Wait begun = poll_.Begin(now_);
    EXPECT_EQ(begun.began, now_);
    now_ += begun.polls() ? polling : sleeping;
    poll_.OnArrival(begun, now_, arrival, begun.polls() ? with_polling_ : 1);
    return begun.until - begun.began;
  }
  // That many waits of that duration. Returns how many of them would poll.
  int CountPolls(int waits, std::chrono::nanoseconds wait) {
    return CountPolls(waits, wait, wait);
  }
  int CountPolls(int waits, std::chrono::nanoseconds polling,
                 std::chrono::nanoseconds sleeping) {
    int polls = 0;
    for (int i = 0; i < waits; ++i) {
      polls +=
          Wait(polling, sleeping, BusyPoll::Arrival::kLater) > microseconds(0);
    }
    return polls;
  }
  void BringWithPolling(size_t count) { with_polling_ = count; }
  bool expects_arrival() const { return poll_.expects_arrival(); }

 private:
  MonotonicTime now_ = MonotonicTime() + std::chrono::hours(1);
  size_t with_polling_ = 1;
  BusyPoll poll_;
};

class BusyPollTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!BusyPoll::HasSeveralCpus()) GTEST_SKIP() << "there is one CPU only";
  }
};

TEST_F(BusyPollTest, TheFirstWaitSleepsAndShortWaitsAreFollowedByPolling) {
  Waits waits;
  EXPECT_FALSE(waits.expects_arrival());
  EXPECT_EQ(waits.Wait(microseconds(10)), microseconds(0));
  EXPECT_TRUE(waits.expects_arrival());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(waits.Wait(microseconds(10)), kLongest);
  }
}

TEST_F(BusyPollTest, ALongWaitEndsItAtOnce) {
  Waits waits;
  for (int i = 0; i < 100; ++i) waits.Wait(microseconds(10));
  EXPECT_EQ(waits.Wait(milliseconds(2)), kLongest);
  EXPECT_FALSE(waits.expects_arrival());
  EXPECT_EQ(waits.Wait(microseconds(10)), microseconds(0));
  EXPECT_EQ(waits.Wait(microseconds(10)), kLongest) << "it learns again";
}

TEST_F(BusyPollTest, WaitsThatAreTooLongToPollForEndItAfterSome) {
  Waits waits;
  for (int i = 0; i < 100; ++i) waits.Wait(microseconds(10));
  int polled = 0;
  while (waits.Wait(microseconds(300)) > microseconds(0)) ++polled;
  EXPECT_GE(polled, 1) << "one of them is an accident";
  EXPECT_LE(polled, 5);
  EXPECT_FALSE(waits.expects_arrival());
}

// As if the peer had to run on the CPU that polls for it.
constexpr microseconds kBehindThePolling{90};

TEST_F(BusyPollTest, WhatComesOnlyOnceItSleepsIsNotPolledFor) {
  Waits waits;
  waits.CountPolls(100, microseconds(10));
  EXPECT_LE(waits.CountPolls(50, kBehindThePolling), 10) << "it learns soon";
  waits.CountPolls(200, kBehindThePolling);
  EXPECT_LE(waits.CountPolls(1000, kBehindThePolling), 10);
  EXPECT_TRUE(waits.expects_arrival());
}

TEST_F(BusyPollTest, AQuietMachineIsNoticedWithinAHundredAndFiftyWaits) {
  Waits waits;
  waits.CountPolls(10'000, kBehindThePolling);
  waits.CountPolls(150, microseconds(10), microseconds(60));
  EXPECT_EQ(waits.CountPolls(100, microseconds(10), microseconds(60)), 100);
}

// As if both shared a CPU: the poll sees the arrival, but only because the peer
// ran in between.
TEST_F(BusyPollTest, WhatComesNoSoonerWithPollingIsNotPolledFor) {
  Waits waits;
  waits.CountPolls(10'000, microseconds(23), microseconds(20));
  EXPECT_LE(waits.CountPolls(1000, microseconds(23), microseconds(20)), 30);
  EXPECT_TRUE(waits.expects_arrival());
}

TEST_F(BusyPollTest, AMachineThatBecomesBusyIsNoticedWithinAHundredWaits) {
  Waits waits;
  waits.CountPolls(10'000, microseconds(8), microseconds(40));
  waits.CountPolls(100, microseconds(25), microseconds(20));
  EXPECT_LE(waits.CountPolls(1000, microseconds(25), microseconds(20)), 200);
}

TEST_F(BusyPollTest, WhilePollingPaysTheOtherWayIsSeldomTried) {
  Waits waits;
  waits.CountPolls(50'000, microseconds(10), microseconds(40));
  EXPECT_GE(waits.CountPolls(10'000, microseconds(10), microseconds(40)),
            9'990);
}

TEST_F(BusyPollTest, WhatCountsIsHowMuchComes) {
  Waits waits;
  waits.CountPolls(10'000, microseconds(20), microseconds(15));
  EXPECT_LE(waits.CountPolls(1000, microseconds(20), microseconds(15)), 30);
  // Longer with polling, but with twice as many arrivals.
  waits.BringWithPolling(2);
  waits.CountPolls(30'000, microseconds(20), microseconds(15));
  EXPECT_GE(waits.CountPolls(1000, microseconds(20), microseconds(15)), 950);
}

TEST_F(BusyPollTest, AFewPollsInVainAmongOthersAreTheirPrice) {
  Waits waits;
  waits.CountPolls(100, microseconds(10));
  for (int i = 0; i < 100; ++i) {
    EXPECT_GT(waits.Wait(kBehindThePolling), microseconds(0));
    EXPECT_EQ(waits.CountPolls(5, microseconds(10)), 5);
  }
}

TEST_F(BusyPollTest, WhatWasThereBeforeDoesNotSpeakForPolling) {
  Waits waits;
  int polls = 0;
  for (int i = 0; i < 1000; ++i) {
    waits.Wait(microseconds(1), BusyPoll::Arrival::kBefore);
    polls += waits.Wait(kBehindThePolling) > microseconds(0);
  }
  EXPECT_LE(polls, 30);
}

TEST_F(BusyPollTest, WhereOthersRunMeanwhileItIsInVainOnlyIfTheyKeepTheCpu) {
  Waits waits(absl::FromChrono(kLongest), BusyPoll::Yielding::kYes);
  waits.Wait(microseconds(10));
  EXPECT_EQ(waits.CountPolls(100, kBehindThePolling), 100);
  int polls = 0;
  for (int i = 0; i < 1000; ++i) {
    waits.Wait(microseconds(1), BusyPoll::Arrival::kBefore);
    polls += waits.Wait(milliseconds(3)) > microseconds(0);
  }
  EXPECT_LE(polls, 30);
}

TEST_F(BusyPollTest, WhoComesBackLateSleepsAtOnce) {
  Waits waits;
  for (int i = 0; i < 100; ++i) waits.Wait(microseconds(10));
  EXPECT_EQ(waits.Wait(microseconds(10), milliseconds(1)), microseconds(0));
  EXPECT_EQ(waits.Wait(microseconds(10)), kLongest);
}

TEST_F(BusyPollTest, ATimeOfZeroOrLessIsNever) {
  for (const absl::Duration longest :
       {absl::ZeroDuration(), -absl::Seconds(1), -absl::InfiniteDuration()}) {
    Waits waits(longest);
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(waits.Wait(microseconds(1)), microseconds(0));
    }
  }
}

TEST_F(BusyPollTest, ATimeWithoutEndIsASecond) {
  Waits waits(absl::InfiniteDuration());
  waits.Wait(microseconds(1));
  EXPECT_EQ(waits.Wait(microseconds(1)), std::chrono::seconds(1));
}

TEST_F(BusyPollTest, OnOneCpuNothingPolls) {
  OnCpus(1, [] {
    EXPECT_FALSE(BusyPoll::HasSeveralCpus());
    Waits waits;
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(waits.Wait(microseconds(10)), microseconds(0));
    }
    EXPECT_TRUE(waits.expects_arrival()) << "which costs nothing";
  });
  OnCpus(2, [] { EXPECT_TRUE(BusyPoll::HasSeveralCpus()); });
}

TEST_F(BusyPollTest, AThreadNoticesWhenItsCpusChange) {
  OnCpus(2, [] {
    ASSERT_TRUE(BusyPoll::HasSeveralCpus());
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    bool several = true;
    for (int i = 0; i < 2000 && several; ++i) {
      several = BusyPoll::HasSeveralCpus();
    }
    EXPECT_FALSE(several);
  });
}

}  // namespace
}  // namespace fdrpc
