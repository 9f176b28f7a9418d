#include "server/worker_pool.h"

#include <atomic>
#include <latch>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc {
namespace {

using ::fdrpc::testing::ExpectSameDescriptors;

// A pool whose poll() waits for what a test hands in and submits it.
class PoolFixture {
 public:
  explicit PoolFixture(int max_threads) {
    absl::StatusOr<std::unique_ptr<WorkerPool>> pool =
        WorkerPool::Create(max_threads, [this] { Poll(); });
    EXPECT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }
  ~PoolFixture() { Stop(); }

  WorkerPool& pool() { return *pool_; }
  void Arrive(std::vector<WorkerPool::Task> tasks) {
    MutexLock lock(mu_);
    for (WorkerPool::Task& task : tasks) arrived_.push_back(std::move(task));
    changed_.Signal();
  }
  void Stop() {
    {
      MutexLock lock(mu_);
      stopped_ = true;
      changed_.SignalAll();
    }
    pool_->Stop();
    pool_->JoinThreads();
  }
  std::set<std::thread::id> pollers() {
    MutexLock lock(mu_);
    return pollers_;
  }

 private:
  void Poll() {
    std::vector<WorkerPool::Task> tasks;
    {
      MutexLock lock(mu_);
      pollers_.insert(std::this_thread::get_id());
      while (!stopped_ && arrived_.empty()) changed_.Wait(mu_);
      tasks.swap(arrived_);
    }
    for (WorkerPool::Task& task : tasks) pool_->Submit(std::move(task));
  }

  Mutex mu_;
  CondVar changed_;
  std::vector<WorkerPool::Task> arrived_ ABSL_GUARDED_BY(mu_);
  std::set<std::thread::id> pollers_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::unique_ptr<WorkerPool> pool_;
};

TEST(WorkerPoolTest, RunsWhatThePollingThreadFinds) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start(2).ok());
  std::latch done(3);
  fixture.Arrive({[&] { done.count_down(); }, [&] { done.count_down(); }});
  fixture.Arrive({[&] { done.count_down(); }});
  done.wait();
  fixture.Stop();
}

TEST(WorkerPoolTest, ASlowTaskHandsThePollingToAnotherThread) {
  ExpectSameDescriptors census;
  PoolFixture fixture(4);
  ASSERT_TRUE(fixture.pool().Start(2).ok());
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
  EXPECT_GE(fixture.pollers().size(), 1u);
  fixture.Stop();
}

TEST(WorkerPoolTest, TasksThatWaitForEachOtherAllRun) {
  ExpectSameDescriptors census;
  constexpr int kTasks = 10;
  PoolFixture fixture(kTasks + 1);
  ASSERT_TRUE(fixture.pool().Start(2).ok());
  auto all = std::make_unique<std::latch>(kTasks);
  std::latch done(kTasks);
  std::vector<WorkerPool::Task> tasks;
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
  ASSERT_TRUE(fixture.pool().Start(2).ok());
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  constexpr int kTasks = 200;
  std::latch done(kTasks);
  std::vector<WorkerPool::Task> tasks;
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

TEST(WorkerPoolTest, StopDropsTasksThatHaveNotBegun) {
  ExpectSameDescriptors census;
  PoolFixture fixture(2);
  ASSERT_TRUE(fixture.pool().Start(2).ok());
  std::latch started(1);
  std::latch release(1);
  std::atomic<bool> ran = false;
  auto token = std::make_shared<int>(0);
  fixture.Arrive({[&] {
                    started.count_down();
                    release.wait();
                  },
                  [&ran, token] { ran = true; }});
  started.wait();
  fixture.pool().Stop();
  release.count_down();
  fixture.Stop();
  EXPECT_FALSE(ran);
  EXPECT_EQ(token.use_count(), 1) << "the dropped task was not destroyed";
}

TEST(WorkerPoolTest, TheCallersThreadCanBeOneOfThePools) {
  ExpectSameDescriptors census;
  PoolFixture fixture(2);
  ASSERT_TRUE(fixture.pool().Start(1).ok());
  fixture.Arrive({[&] { fixture.pool().Stop(); }});
  // The thread that polls when Stop() comes needs something to poll for.
  fixture.Arrive({[] {}});
  fixture.pool().Join();
  fixture.Stop();
}

}  // namespace
}  // namespace fdrpc
