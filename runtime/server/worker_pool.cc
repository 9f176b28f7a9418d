#include "server/worker_pool.h"

#include <system_error>
#include <utility>

#include "absl/time/time.h"

namespace fdrpc {
namespace {

// For how long a handler may keep the thread that should poll: a few times what
// waking another thread costs.
constexpr absl::Duration kSlow = absl::Microseconds(200);

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerPool>> WorkerPool::Create(
    int max_threads, std::function<void()> poll) {
  absl::StatusOr<WatchTimer> timer = WatchTimer::Create();
  if (!timer.ok()) return timer.status();
  return std::unique_ptr<WorkerPool>(
      new WorkerPool(max_threads, std::move(poll), *std::move(timer)));
}

WorkerPool::WorkerPool(int max_threads, std::function<void()> poll,
                       WatchTimer timer)
    : max_threads_(max_threads),
      poll_(std::move(poll)),
      timer_(std::move(timer)) {}

void WorkerPool::JoinThreads() {
  while (true) {
    std::vector<std::thread> threads;
    {
      MutexLock lock(mu_);
      threads.swap(threads_);
    }
    if (threads.empty()) return;
    // Those may start further ones before they end.
    for (std::thread& thread : threads) thread.join();
  }
}

absl::Status WorkerPool::Start(int count) {
  MutexLock lock(mu_);
  for (int i = 0; i < count; ++i) {
    if (!StartThread()) {
      return absl::ResourceExhaustedError(
          "the system gives the server no thread (RLIMIT_NPROC, pids cgroup)");
    }
  }
  return absl::OkStatus();
}

bool WorkerPool::StartThread() {
  ++workers_;
  ++starting_;
  // The standard library's only way to say that the system gives no thread.
  try {
    threads_.emplace_back([this] {
      MutexLock lock(mu_);
      --starting_;
      Work();
    });
    return true;
  } catch (const std::system_error&) {
    --workers_;
    --starting_;
    return false;
  }
}

void WorkerPool::EnsureWatch() {
  if (watching_ || starting_ > 0) return;
  if (resting_ > 0) {
    rested_.Signal();
  } else if (workers_ < max_threads_) {
    // Without a thread the server goes on, and tries again the next time.
    StartThread();
  }
}

void WorkerPool::Join() {
  MutexLock lock(mu_);
  ++workers_;
  Work();
}

void WorkerPool::Work() {
  while (!stopping_) {
    if (CanRun()) {
      RunTask();
    } else if (!polling_) {
      Poll();
    } else if (!watching_) {
      Watch();
    } else {
      Rest();
    }
  }
  --workers_;
}

void WorkerPool::RunTask() {
  {
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    ++running_;
    ++progress_;
    // While this thread runs the task, somebody must see to it that the rest
    // goes on.
    if (!polling_) {
      if (!timer_set_) SetTimer();
      EnsureWatch();
    }
    mu_.Unlock();
    task();
    // The task goes before the lock is back: it may own what locks.
  }
  mu_.Lock();
  --running_;
  ++progress_;
}

void WorkerPool::Poll() {
  if (timer_set_) {
    timer_.Stop();
    timer_set_ = false;
  }
  polling_ = true;
  mu_.Unlock();
  poll_();
  mu_.Lock();
  polling_ = false;
}

void WorkerPool::Watch() {
  watching_ = true;
  while (!stopping_) {
    mu_.Unlock();
    timer_.Await();
    mu_.Lock();
    timer_set_ = false;
    if (polling_) {
      if (CanRun()) break;
      continue;
    }
    // Nothing has moved since the timer was set: a handler is slow. Tasks that
    // wait while others move are left to the thread that runs them.
    if (progress_ == progress_at_timer_) break;
    SetTimer();
  }
  watching_ = false;
  // This thread will poll or run.
  if (!stopping_) EnsureWatch();
}

void WorkerPool::Rest() {
  ++resting_;
  while (!stopping_ && polling_ && watching_ && !CanRun()) {
    rested_.Wait(mu_);
  }
  --resting_;
}

void WorkerPool::SetTimer() {
  timer_.Set(kSlow);
  timer_set_ = true;
  progress_at_timer_ = progress_;
}

void WorkerPool::Submit(Task task) {
  MutexLock lock(mu_);
  if (stopping_) return;
  tasks_.push_back(std::move(task));
}

void WorkerPool::Stop() {
  std::deque<Task> dropped;
  {
    MutexLock lock(mu_);
    stopping_ = true;
    dropped.swap(tasks_);
    timer_.Set(absl::ZeroDuration());
    timer_set_ = true;
    rested_.SignalAll();
  }
}

}  // namespace fdrpc
