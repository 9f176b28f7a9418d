// Tasks of a pool that wait for something in Park().

#include <atomic>
#include <chrono>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/worker_pool.h"
#include "tests/server/pool_fixture.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

TEST(ParkedTasksTest, ArePolledFor) {
  ExpectSameDescriptors census;
  PoolFixture fixture(8);
  ASSERT_TRUE(fixture.pool().Start().ok());
  // Each blocks until the next one, which another thread must run.
  constexpr int kTasks = 6;
  std::vector<std::unique_ptr<Parker>> parkers;
  for (int i = 0; i < kTasks; ++i) {
    parkers.push_back(std::make_unique<Parker>());
  }
  std::latch done(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    fixture.Arrive({[&, i] {
      if (i > 0) fixture.Give(*parkers[i - 1], true);
      EXPECT_TRUE(fixture.pool().PollsInPark());
      EXPECT_TRUE(fixture.pool().Park(*parkers[i], kNoDeadline));
      done.count_down();
    }});
  }
  fixture.Arrive({[&] { fixture.Give(*parkers[kTasks - 1], true); }});
  done.wait();
  fixture.Stop();
}

TEST(ParkedTasksTest, PollByThemselves) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  constexpr int kRounds = 20;
  Parker parker;
  std::atomic<int> by_itself = 0;
  std::atomic<int> woken = 0;
  std::latch done(1);
  std::thread::id poller;
  fixture.Arrive({[&] {
    while (by_itself < kRounds) {
      EXPECT_TRUE(fixture.pool().Park(parker, kNoDeadline));
      by_itself += poller == std::this_thread::get_id();
      ++woken;
    }
    done.count_down();
  }});
  // If the machine takes the CPU away, another thread takes over; it gives the
  // polling back when it wakes this one.
  for (int i = 0; by_itself < kRounds; ++i) {
    fixture.AwaitPolling();
    fixture.ArriveInPoll([&] {
      poller = std::this_thread::get_id();
      fixture.Give(parker, true);
    });
    while (woken <= i) std::this_thread::yield();
  }
  done.wait();
  fixture.Stop();
}

TEST(ParkedTasksTest, AreWokenByOtherThreadsWhileTheyPoll) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  constexpr int kRounds = 200;
  Parker parker;
  std::atomic<int> woken = 0;
  std::latch done(1);
  fixture.Arrive({[&] {
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_TRUE(fixture.pool().Park(parker, kNoDeadline));
      ++woken;
    }
    done.count_down();
  }});
  for (int i = 0; i < kRounds; ++i) {
    if (i % 2 == 0) fixture.AwaitPolling();
    fixture.Give(parker, true);
    while (woken <= i) std::this_thread::yield();
  }
  done.wait();
  fixture.Stop();
}

TEST(ParkedTasksTest, TakeThePollingOverFromWhoWakesThem) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  Parker parker;
  std::latch taken_over(1);
  std::latch done(1);
  fixture.Arrive({[&] {
    // Another thread takes over to run the other task, and then polls.
    EXPECT_TRUE(fixture.pool().Park(parker, kNoDeadline));
    // That is now this thread's task; but what arrives while it does something
    // else is still found.
    taken_over.wait();
    done.count_down();
  }});
  fixture.Arrive({[&] {
    fixture.ArriveInPoll([&] {
      fixture.Give(parker, true);
      fixture.ArriveInPoll([&] { taken_over.count_down(); });
    });
  }});
  done.wait();
  fixture.Stop();
}

TEST(ParkedTasksTest, DoNotHoldUpWhatIsUrgent) {
  ExpectSameDescriptors census;
  constexpr int kThreads = 3;
  PoolFixture fixture(kThreads);
  ASSERT_TRUE(fixture.pool().Start().ok());
  Parker parkers[kThreads - 1];
  std::latch parked(kThreads - 1);
  std::latch done(kThreads - 1);
  for (Parker& parker : parkers) {
    fixture.Arrive({[&] {
      parked.count_down();
      EXPECT_TRUE(fixture.pool().Park(parker, kNoDeadline));
      done.count_down();
    }});
  }
  parked.wait();
  std::latch urgent(1);
  fixture.ArriveInPoll([&] {
    fixture.pool().PostUrgently(PoolTask::Make([&] { urgent.count_down(); }));
  });
  urgent.wait();
  for (Parker& parker : parkers) fixture.Give(parker, true);
  done.wait();
  fixture.Stop();
}

TEST(ParkedTasksTest, AThreadOfNoPoolParksToItsDeadline) {
  ExpectSameDescriptors census;
  PoolFixture fixture(2);
  ASSERT_TRUE(fixture.pool().Start().ok());
  EXPECT_FALSE(fixture.pool().PollsInPark());
  Parker parker;
  // By the kernel's time, in which it sleeps.
  EXPECT_FALSE(fixture.pool().Park(
      parker, Clock::Real().Now() + std::chrono::milliseconds(1)));
  fixture.Stop();
}

}  // namespace
}  // namespace fdrpc::testing
