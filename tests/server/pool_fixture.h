#ifndef FDRPC_TESTS_SERVER_POOL_FIXTURE_H_
#define FDRPC_TESTS_SERVER_POOL_FIXTURE_H_

#include <functional>
#include <latch>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "gtest/gtest.h"
#include "server/worker_pool.h"

namespace fdrpc::testing {

// Runs a function, then ends.
class PoolTask final : private Continuation {
 public:
  static Continuation& Make(std::function<void()> run) {
    return *new PoolTask(std::move(run));
  }

 private:
  explicit PoolTask(std::function<void()> run) : run_(std::move(run)) {}
  void Run() override {
    run_();
    delete this;
  }

  const std::function<void()> run_;
};

// Exists for as long as a test needs to see whether it runs.
class Probe final : public Continuation {
 public:
  void Run() override { ran.count_down(); }
  std::latch ran{1};
};

// A pool whose poll() waits for what a test passes in, and posts it.
class PoolFixture {
 public:
  // `idle`: what poll() returns if it finds nothing and must not sleep.
  explicit PoolFixture(
      int max_threads,
      WorkerPool::PollResult idle = WorkerPool::PollResult::kNothing,
      absl::Duration idle_time = absl::Seconds(10))
      : idle_(idle) {
    absl::StatusOr<std::shared_ptr<WorkerPool>> pool = WorkerPool::Create(
        max_threads, [this](bool sleeps) { return Poll(sleeps); },
        [this] { Interrupt(); }, idle_time);
    EXPECT_TRUE(pool.ok()) << pool.status();
    pool_ = *std::move(pool);
  }
  ~PoolFixture() { Stop(); }

  WorkerPool& pool() { return *pool_; }
  void Arrive(std::vector<std::function<void()>> tasks) {
    MutexLock lock(mu_);
    for (auto& task : tasks) arrived_.push_back(std::move(task));
    changed_.Signal();
  }
  // Like Arrive(), for what poll() itself does.
  void ArriveInPoll(std::function<void()> handle) {
    MutexLock lock(mu_);
    handled_.push_back(std::move(handle));
    changed_.Signal();
  }
  // Gives a thread in Park() its token, like code that knows what the thread
  // waits for.
  void Give(Parker& parker, bool polls) {
    const Parker::Address address = parker.address();
    const Parker::ThreadState state = parker.Give();
    if (state == Parker::ThreadState::kAwake) return;
    pool_->OnTokenGiven(state, polls);
    if (state == Parker::ThreadState::kAsleep) Parker::Wake(address);
  }
  // Blocks until a thread is in poll() and nothing has arrived.
  void AwaitPolling() {
    MutexLock lock(mu_);
    while (!polling_ || !arrived_.empty() || !handled_.empty()) {
      changed_.Wait(mu_);
    }
  }
  void Stop() {
    pool_->Stop();
    pool_->JoinThreads();
  }
  int interrupts() {
    MutexLock lock(mu_);
    return interrupts_;
  }

 private:
  WorkerPool::PollResult Poll(bool sleeps) {
    if (!sleeps) return idle_;
    std::vector<std::function<void()>> tasks;
    std::vector<std::function<void()>> handled;
    {
      MutexLock lock(mu_);
      polling_ = true;
      changed_.SignalAll();
      while (!interrupted_ && arrived_.empty() && handled_.empty()) {
        changed_.Wait(mu_);
      }
      interrupted_ = false;
      polling_ = false;
      tasks.swap(arrived_);
      handled.swap(handled_);
    }
    for (auto& handle : handled) handle();
    for (auto& task : tasks) pool_->Post(PoolTask::Make(std::move(task)));
    return WorkerPool::PollResult::kSomething;
  }
  void Interrupt() {
    MutexLock lock(mu_);
    interrupted_ = true;
    ++interrupts_;
    changed_.SignalAll();
  }

  const WorkerPool::PollResult idle_;
  Mutex mu_;
  CondVar changed_;
  std::vector<std::function<void()>> arrived_ ABSL_GUARDED_BY(mu_);
  std::vector<std::function<void()>> handled_ ABSL_GUARDED_BY(mu_);
  bool polling_ ABSL_GUARDED_BY(mu_) = false;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  int interrupts_ ABSL_GUARDED_BY(mu_) = 0;
  std::shared_ptr<WorkerPool> pool_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_POOL_FIXTURE_H_
