#include "server/worker_pool.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "absl/time/time.h"
#include "base/check.h"

namespace fdrpc {
namespace {

// How long a handler may keep the thread that should poll: a few times the cost
// of waking another thread.
constexpr absl::Duration kSlow = absl::Microseconds(200);

// The same for handlers that have all been quick for some time. A timer that
// expires after the kernel's next tick (CONFIG_HZ) does not program the CPU's
// own, which would cost as much as a call.
constexpr absl::Duration kPatience = absl::Milliseconds(5);
constexpr uint64_t kFewQuick = 64;
constexpr uint64_t kManyQuick = 1u << 16;

// How long a reply may wait for others, to be written together.
constexpr std::chrono::microseconds kLongestDeferral{15};

// The pool to which the thread belongs.
constinit thread_local const WorkerPool* pool_of_this_thread = nullptr;

}  // namespace

absl::StatusOr<std::shared_ptr<WorkerPool>> WorkerPool::Create(
    int max_threads, std::function<PollResult(bool sleeps)> poll,
    std::function<void()> interrupt, absl::Duration idle_time) {
  absl::StatusOr<WatchTimer> timer = WatchTimer::Create();
  if (!timer.ok()) return timer.status();
  return std::shared_ptr<WorkerPool>(
      new WorkerPool(max_threads, std::move(poll), std::move(interrupt),
                     idle_time, *std::move(timer)));
}

WorkerPool::WorkerPool(int max_threads,
                       std::function<PollResult(bool sleeps)> poll,
                       std::function<void()> interrupt,
                       absl::Duration idle_time, WatchTimer timer)
    : max_threads_(max_threads),
      poll_(std::move(poll)),
      interrupt_(std::move(interrupt)),
      idle_time_(absl::ToChronoNanoseconds(idle_time)),
      timer_(std::move(timer)),
      quick_to_trust_(kFewQuick) {}

void WorkerPool::JoinThreads() {
  while (true) {
    std::vector<std::thread> threads;
    {
      MutexLock lock(mu_);
      threads.swap(threads_);
      if (gone_.joinable()) threads.push_back(std::exchange(gone_, {}));
    }
    if (threads.empty()) return;
    // Those may start further ones before they end.
    for (std::thread& thread : threads) thread.join();
  }
}

void WorkerPool::AwaitEnd() {
  // A child has none of its threads.
  if (inherited_by_fork()) return;
  FDRPC_CHECK(
      !RunsThisThread(),
      "a server is waited for, or destroyed, on one of its own threads, such "
      "as in a handler; call Shutdown() there, and wait elsewhere");
  JoinThreads();
}

absl::Status WorkerPool::Start() {
  MutexLock lock(mu_);
  if (StartThread()) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "the system cannot start a thread for the server (RLIMIT_NPROC, pids "
      "cgroup)");
}

bool WorkerPool::StartThread() {
  ++workers_;
  ++starting_;
  // An exception is the standard library's only way to report that the system
  // cannot start a thread.
  try {
    threads_.emplace_back([this] {
      MutexLock lock(mu_);
      --starting_;
      Work(/*may_go=*/true);
    });
    return true;
  } catch (const std::system_error&) {
    --workers_;
    --starting_;
    return false;
  }
}

void WorkerPool::StartLateThread() {
  ++workers_;
  // Nobody joins it: it may be the one that releases the pool.
  try {
    std::thread([self = shared_from_this()] {
      MutexLock lock(self->mu_);
      self->Work(/*may_go=*/false);
    }).detach();
  } catch (const std::system_error&) {
    --workers_;  // the next Post() tries again
  }
}

void WorkerPool::EnsureWatch() {
  if (watching_ || starting_ > 0 || stopping_) return;
  if (resting_ > 0) {
    rested_.Signal();
  } else if (workers_ < max_threads_) {
    // Without a thread the server continues, one call at a time, and tries
    // again the next time.
    StartThread();
  }
}

void WorkerPool::EnsureRun() {
  // The polling thread runs what it finds itself.
  if (polling_ && !PollsElsewhere()) return;
  if (stopping_) {
    // The remaining threads look at the queue before they end.
    if (workers_ == 0) StartLateThread();
    return;
  }
  if (!CanRun()) return;
  if (RunsThisThread()) {
    // This thread comes back to the queue; if that takes long, another one
    // does.
    if (!timer_set_) SetTimer(kSlow);
    EnsureWatch();
  } else if (resting_ > 0) {
    rested_.Signal();
  } else if (polling_) {
    interrupt_();
  }
  // Otherwise every thread runs something, and comes back or is watched.
}

void WorkerPool::Join() {
  MutexLock lock(mu_);
  ++workers_;
  Work(/*may_go=*/false);
}

void WorkerPool::Work(bool may_go) {
  const WorkerPool* const outer = std::exchange(pool_of_this_thread, this);
  while (true) {
    if (CanRun()) {
      Run();
    } else if (!deferred_.empty()) {
      WriteDeferred();
    } else if (stopping_) {
      break;
    } else if (!polling_ && !polling_passed_) {
      Poll();
    } else if (!watching_) {
      Watch();
    } else if (!Rest() && may_go) {
      LeaveThread();
      break;
    }
  }
  --workers_;
  pool_of_this_thread = outer;
}

void WorkerPool::LeaveThread() {
  const auto self = std::find_if(
      threads_.begin(), threads_.end(), [](const std::thread& thread) {
        return thread.get_id() == std::this_thread::get_id();
      });
  // Somebody already joins it.
  if (self == threads_.end()) return;
  // That one has left, or is about to return.
  std::thread former = std::exchange(gone_, std::move(*self));
  threads_.erase(self);
  if (!former.joinable()) return;
  mu_.Unlock();
  former.join();
  mu_.Lock();
}

void WorkerPool::Run() {
  if (!deferred_.empty() &&
      Clock::Real().Now() - deferred_since_ > kLongestDeferral) {
    return WriteDeferred();
  }
  Continuation* const next = (urgent_.empty() ? queue_ : urgent_).PopFront();
  ++running_;
  ++progress_;
  HaveWatched();
  mu_.Unlock();
  // An exception of a callback ends the process here, since it would leave the
  // pool in the middle of this.
  [next]() noexcept { next->Run(); }();
  mu_.Lock();
  --running_;
  ++progress_;
  polling_passed_ = false;
}

void WorkerPool::HaveWatched() {
  if (!IsNeglected() || stopping_) return;
  if (!timer_set_) {
    SetTimer(progress_ - slow_at_ < quick_to_trust_ ? kSlow : kPatience);
  }
  EnsureWatch();
}

void WorkerPool::Poll(const Parker* parker) {
  hand_over_ = false;
  polling_passed_ = false;
  polling_ = true;
  poller_ = std::this_thread::get_id();
  mu_.Unlock();
  const PollResult result = poll_(/*sleeps=*/false);
  mu_.Lock();
  // A deadline that passes meanwhile may post something, too, and nobody
  // interrupts the polling thread for that.
  if (result != PollResult::kSomething && !HasWork() &&
      (parker == nullptr || !parker->has_token())) {
    // An early arrival finds the timer set, which costs less.
    if (result == PollResult::kNothing && std::exchange(timer_set_, false)) {
      timer_.Stop();
    }
    mu_.Unlock();
    poll_(/*sleeps=*/true);
    mu_.Lock();
  }
  polling_ = false;
  // A thread in Park() continues to poll itself.
  if (parker != nullptr) polling_passed_ = false;
  if (polling_passed_) HaveWatched();
}

bool WorkerPool::Park(Parker& parker, MonotonicTime deadline) {
  if (RunsThisThread()) {
    MutexLock lock(mu_);
    if (!deferred_.empty()) WriteDeferred();
    if (parker.BeginOtherWait()) return true;
    if (PollUntilToken(parker)) return true;
    HandOver();
  }
  return parker.Park(deadline);
}

bool WorkerPool::PollUntilToken(Parker& parker) {
  while (!polling_ && !HasWork() && !parker.has_token()) Poll(&parker);
  if (!parker.EndOtherWait()) return false;
  // Back to a handler.
  ++progress_;
  if (urgent_.empty()) {
    HaveWatched();
  } else {
    HandOver();
  }
  return true;
}

bool WorkerPool::RunsThisThread() const { return pool_of_this_thread == this; }

void WorkerPool::OnTokenGiven(Parker::ThreadState state, bool polls) {
  MutexLock lock(mu_);
  if (state == Parker::ThreadState::kElsewhere) {
    if (PollsElsewhere()) interrupt_();
  } else if (polls && polling_ && !PollsElsewhere()) {
    polling_passed_ = true;
  }
}

void WorkerPool::WriteDeferred() {
  std::vector<std::shared_ptr<DeferredWrite>> writes;
  writes.swap(deferred_);
  mu_.Unlock();
  for (const auto& write : writes) write->WriteNow();
  writes.clear();
  mu_.Lock();
}

bool WorkerPool::DeferWrite(std::shared_ptr<DeferredWrite> write) {
  if (!RunsThisThread()) return false;
  MutexLock lock(mu_);
  // A thread that comes for the queue also comes for this, even if the queue is
  // empty by then.
  if (!CanRun() || stopping_) return false;
  if (deferred_.empty()) deferred_since_ = Clock::Real().Now();
  deferred_.push_back(std::move(write));
  return true;
}

void WorkerPool::Watch() {
  watching_ = true;
  while (!stopping_) {
    mu_.Unlock();
    timer_.Await();
    mu_.Lock();
    timer_set_ = false;
    const bool at_once = std::exchange(hand_over_, false);
    if (!IsNeglected()) continue;
    // Nothing has moved since the timer was set: a handler is slow. What waits
    // while others move is left to the thread that runs them.
    if (at_once || progress_ == progress_at_timer_) break;
    SetTimer(kSlow);
  }
  // Each time it takes longer until handlers are trusted again.
  slow_at_ = progress_;
  quick_to_trust_ = std::min(2 * quick_to_trust_, kManyQuick);
  watching_ = false;
  polling_passed_ = false;
  // This thread will poll or run.
  EnsureWatch();
}

bool WorkerPool::Rest() {
  if (resting_++ == 0) {
    fewest_resting_ = 1;
    fewest_since_ = Clock::Real().Now();
  }
  bool needed = true;
  while (needed && !HasWork() && (polling_ || polling_passed_) && watching_) {
    if (too_many_ > 0) {
      --too_many_;
      needed = false;
    } else if (!rested_.WaitFor(mu_, idle_time_) &&
               Clock::Real().Now() - fewest_since_ >= idle_time_) {
      too_many_ = fewest_resting_;
      fewest_resting_ = resting_;
      fewest_since_ = Clock::Real().Now();
      rested_.SignalAll();
    }
  }
  --resting_;
  fewest_resting_ = std::min(fewest_resting_, resting_);
  if (resting_ == 0) too_many_ = 0;
  return needed;
}

void WorkerPool::SetTimer(absl::Duration after) {
  timer_.Set(after);
  timer_set_ = true;
  progress_at_timer_ = progress_;
}

void WorkerPool::Post(Continuation& continuation) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  queue_.PushBack(continuation);
  EnsureRun();
}

void WorkerPool::PostUrgently(Continuation& continuation) {
  if (inherited_by_fork()) return;
  MutexLock lock(mu_);
  urgent_.PushBack(continuation);
  EnsureRun();
}

bool WorkerPool::Remove(Continuation& continuation) {
  if (inherited_by_fork()) return false;
  MutexLock lock(mu_);
  return queue_.Remove(continuation);
}

void WorkerPool::HandOver() {
  if (stopping_ || !IsNeglected()) return;
  if (resting_ > 0) {
    rested_.Signal();
    return;
  }
  EnsureWatch();
  hand_over_ = true;
  SetTimer(absl::ZeroDuration());
}

void WorkerPool::Stop() {
  MutexLock lock(mu_);
  stopping_ = true;
  SetTimer(absl::ZeroDuration());
  rested_.SignalAll();
  if (PollsElsewhere()) interrupt_();
}

}  // namespace fdrpc
