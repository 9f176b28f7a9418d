#include "server/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/pool_fixture.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

std::set<std::string> ThreadIds() {
  std::set<std::string> ids;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    ids.insert(task.path().filename());
  }
  return ids;
}

// How many more threads there are than before.
ptrdiff_t ThreadsSince(const std::set<std::string>& before) {
  const std::set<std::string> now = ThreadIds();
  return std::count_if(now.begin(), now.end(), [&](const std::string& id) {
    return !before.contains(id);
  });
}

TEST(WorkerPoolTest, RunsWhatThePollingThreadFinds) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::latch done(3);
  fixture.Arrive({[&] { done.count_down(); }, [&] { done.count_down(); }});
  fixture.Arrive({[&] { done.count_down(); }});
  done.wait();
  fixture.Stop();
}

TEST(WorkerPoolTest, ASecondThreadComesWithTheFirstTask) {
  ExpectSameDescriptors census;
  // A sanitizer's own thread starts with the first one.
  std::thread([] {}).join();
  const std::set<std::string> before = ThreadIds();
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  fixture.AwaitPolling();
  EXPECT_EQ(ThreadsSince(before), 1);
  for (int i = 0; i < 3; ++i) {
    std::latch done(1);
    fixture.Arrive({[&] {
      // Or more, if the machine takes the CPU away meanwhile.
      EXPECT_GE(ThreadsSince(before), 2);
      done.count_down();
    }});
    done.wait();
  }
  fixture.Stop();
}

TEST(WorkerPoolTest, ASlowTaskHandsThePollingToAnotherThread) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::latch release(1);
  std::latch second(1);
  std::latch done(2);
  fixture.Arrive({[&] {
    release.wait();
    done.count_down();
  }});
  // Only another thread can find and run it.
  fixture.Arrive({[&] {
    second.count_down();
    done.count_down();
  }});
  second.wait();
  release.count_down();
  done.wait();
  fixture.Stop();
}

TEST(WorkerPoolTest, TasksThatWaitForEachOtherAllRun) {
  ExpectSameDescriptors census;
  constexpr int kTasks = 10;
  PoolFixture fixture(kTasks + 1);
  ASSERT_TRUE(fixture.pool().Start().ok());
  auto all = std::make_unique<std::latch>(kTasks);
  std::latch done(kTasks);
  std::vector<std::function<void()>> tasks;
  for (int i = 0; i < kTasks; ++i) {
    tasks.push_back([&] {
      all->arrive_and_wait();
      done.count_down();
    });
  }
  fixture.Arrive(std::move(tasks));
  done.wait();
  fixture.Stop();
}

TEST(WorkerPoolTest, KeepsOneThreadFromRunningTasks) {
  ExpectSameDescriptors census;
  PoolFixture fixture(3);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  constexpr int kTasks = 200;
  std::latch done(kTasks);
  std::vector<std::function<void()>> tasks;
  for (int i = 0; i < kTasks; ++i) {
    tasks.push_back([&] {
      const int now = ++running;
      int seen = most.load();
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      --running;
      done.count_down();
    });
  }
  fixture.Arrive(std::move(tasks));
  done.wait();
  EXPECT_LE(most.load(), 2);
  fixture.Stop();
}

TEST(WorkerPoolTest, WhatIsQueuedWhenItStopsRunsYet) {
  ExpectSameDescriptors census;
  PoolFixture fixture(2);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::latch started(1);
  std::latch release(1);
  std::latch done(2);
  fixture.Arrive({[&] {
                    started.count_down();
                    release.wait();
                  },
                  [&] { done.count_down(); }});
  started.wait();
  fixture.pool().Stop();
  fixture.pool().Post(PoolTask::Make([&] { done.count_down(); }));
  release.count_down();
  fixture.Stop();
  done.wait();
}

TEST(WorkerPoolTest, WhatIsPostedToAPoolThatHasEndedRunsOnAThreadOfItsOwn) {
  const DescriptorCensus before = TakeCensus();
  const std::thread::id here = std::this_thread::get_id();
  std::latch ran(2);
  {
    auto pool = *WorkerPool::Create(
        2, [](bool) { return WorkerPool::PollResult::kSomething; }, [] {});
    ASSERT_TRUE(pool->Start().ok());
    pool->Stop();
    pool->JoinThreads();
    pool->Post(PoolTask::Make([&, pool] {
      EXPECT_NE(std::this_thread::get_id(), here);
      pool->Post(PoolTask::Make([&] { ran.count_down(); }));
      ran.count_down();
    }));
  }
  ran.wait();
  // The thread releases the pool after its last task.
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

int ThreadsOfThisProcess() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/task")) {
    ++count;
  }
  return count;
}

TEST(WorkerPoolTest, ThreadsThatAreNotNeededGo) {
  const int before = ThreadsOfThisProcess();
  PoolFixture fixture(16, WorkerPool::PollResult::kNothing,
                      absl::Milliseconds(20));
  ASSERT_TRUE(fixture.pool().Start().ok());
  for (int round = 0; round < 3; ++round) {
    std::latch started(12);
    std::latch release(1);
    std::latch done(12);
    std::vector<std::function<void()>> tasks(12, [&] {
      started.count_down();
      release.wait();
      done.count_down();
    });
    fixture.Arrive(tasks);
    started.wait();
    EXPECT_GE(ThreadsOfThisProcess(), before + 13);
    release.count_down();
    done.wait();
    // One polls, one is on watch.
    while (ThreadsOfThisProcess() > before + 2) std::this_thread::yield();
    Probe probe;
    fixture.pool().Post(probe);
    probe.ran.wait();
  }
  fixture.Stop();
  EXPECT_EQ(ThreadsOfThisProcess(), before);
}

TEST(WorkerPoolTest, TheCallersThreadCanBeOneOfThePools) {
  ExpectSameDescriptors census;
  PoolFixture fixture(2);
  fixture.Arrive({[&] { fixture.pool().Stop(); }});
  fixture.pool().Join();
  fixture.Stop();
}

TEST(WorkerPoolTest, WhatAnotherThreadPostsToAnIdlePoolRuns) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  for (int i = 0; i < 100; ++i) {
    Probe probe;
    if (i % 2 == 0) fixture.AwaitPolling();
    fixture.pool().Post(probe);
    probe.ran.wait();
  }
  fixture.Stop();
}

TEST(WorkerPoolTest, WhatAnotherThreadPostsWhileATaskIsSlowRuns) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::latch started(1);
  std::latch release(1);
  fixture.Arrive({[&] {
    started.count_down();
    release.wait();
  }});
  started.wait();
  for (int i = 0; i < 10; ++i) {
    Probe probe;
    fixture.pool().Post(probe);
    probe.ran.wait();
  }
  release.count_down();
  fixture.Stop();
}

TEST(WorkerPoolTest, WhatATaskPostsNeedsNoOtherThread) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  fixture.AwaitPolling();
  Probe last;
  fixture.Arrive({[&] {
    fixture.pool().Post(PoolTask::Make([&] { fixture.pool().Post(last); }));
  }});
  last.ran.wait();
  EXPECT_EQ(fixture.interrupts(), 0);
  fixture.Stop();
}

TEST(WorkerPoolTest, WhatASlowTaskPostsIsRunByAnotherThread) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::latch done(1);
  fixture.Arrive({[&] {
    Probe probe;
    fixture.pool().Post(probe);
    probe.ran.wait();
    done.count_down();
  }});
  done.wait();
  fixture.Stop();
}

TEST(WorkerPoolTest, ManyThreadsCanPost) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start().ok());
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::latch done(kThreads * kEach);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) {
        fixture.pool().Post(PoolTask::Make([&] { done.count_down(); }));
      }
    });
  }
  done.wait();
  for (std::thread& thread : threads) thread.join();
  fixture.Stop();
}

TEST(WorkerPoolTest, WhatHasNotBegunCanBeTakenBack) {
  ExpectSameDescriptors census;
  PoolFixture fixture(2);
  ASSERT_TRUE(fixture.pool().Start().ok());
  std::latch started(1);
  std::latch release(1);
  fixture.Arrive({[&] {
    started.count_down();
    release.wait();
  }});
  started.wait();
  Probe first;
  Probe second;
  fixture.pool().Post(first);
  fixture.pool().Post(second);
  EXPECT_TRUE(fixture.pool().Remove(first));
  EXPECT_FALSE(fixture.pool().Remove(first));
  release.count_down();
  second.ran.wait();
  EXPECT_FALSE(first.ran.try_wait());
  EXPECT_FALSE(fixture.pool().Remove(second));
  fixture.Stop();
}

}  // namespace
}  // namespace fdrpc::testing
