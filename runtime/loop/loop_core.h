#ifndef FDRPC_LOOP_LOOP_CORE_H_
#define FDRPC_LOOP_LOOP_CORE_H_

#include <atomic>
#include <cassert>
#include <csignal>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "call/continuation_queue.h"
#include "fdrpc/call.h"
#include "loop/loop_thread.h"
#include "loop/timer_queue.h"
#include "os/busy_poll.h"
#include "os/fork_generation.h"
#include "os/poller.h"
#include "os/wakeup.h"

namespace fdrpc {

// The implementation of a Loop: descriptors that it waits for, timers, and
// continuations that are to run. Has no thread of its own; the thread that runs
// it is its thread for that time. Sources are its users; it keeps none of them
// alive.
class LoopCore final : public ContinuationRunner {
 public:
  // A user of the loop. Called on the loop's thread, without a lock.
  class Source {
   public:
    virtual ~Source() = default;
    // The descriptor has become readable or writable; called once each time
    // (EPOLLET of epoll(7)).
    virtual void OnReady(Poller::Event) {}
    // Its timer has expired, or Wake() was called.
    virtual void OnWake() {}
    // The call that AtBatchEnd() asked for.
    virtual void OnBatchEnd() {}
  };

  // The one time at which a source is to be woken, if it is set: at() is the
  // time, and kNoDeadline again once OnWake() is about to be called. While it
  // is set, its owner must keep the loop. The destructor cancels it.
  class Timer final : public TimerQueue::Timer {
   public:
    ~Timer() {
      LoopCore* const loop = loop_.load(std::memory_order_acquire);
      if (loop != nullptr) loop->CancelTimer(*this);
    }

   private:
    friend class LoopCore;

    // The loop in which it is set, or null.
    std::atomic<LoopCore*> loop_{nullptr};
    std::weak_ptr<Source> source_;  // guarded by the loop's lock
  };

  // `max_busy_poll`: as for BusyPoll, in Run(). Timers use `clock`, which must
  // outlive the loop.
  static absl::StatusOr<std::shared_ptr<LoopCore>> Create(
      absl::Duration max_busy_poll, const Clock& clock = Clock::Real());
  // The loop for channels without one of their own. It has its own thread,
  // which lives as long as the process. Made by the first call (and again in a
  // forked child).
  static absl::StatusOr<std::shared_ptr<LoopCore>> Default();

  ~LoopCore();

  // ---- any thread

  // FAILED_PRECONDITION in a child made by fork(2), where the epoll set is the
  // parent's.
  absl::Status CheckProcess() const;
  const Clock& clock() const { return clock_; }

  // Waits until `fd`, which is borrowed until Unwatch(), is readable. Returns
  // its token. Only if CheckProcess().
  absl::StatusOr<uint64_t> Watch(int fd, std::weak_ptr<Source> source)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether to wait until it is writable, too. Does nothing in a child, nor
  // does Unwatch().
  void WatchRoom(int fd, uint64_t token, bool watch);
  void Unwatch(int fd, uint64_t token) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls OnWake() soon.
  void Wake(std::weak_ptr<Source> source) ABSL_LOCKS_EXCLUDED(mu_);
  // Calls OnWake() once `at` has passed, instead of at the time to which the
  // timer was set before; kNoDeadline: never.
  void SetTimer(Timer& timer, MonotonicTime at, std::weak_ptr<Source> source)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Does nothing in a child.
  void CancelTimer(Timer& timer) ABSL_LOCKS_EXCLUDED(mu_);

  // Runs the continuation. Remove() is false if it has begun to run.
  void Post(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Remove(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  // Calls the function, among the continuations. If the loop is destroyed
  // before, the function is, too.
  void Post(absl::AnyInvocable<void()> function) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes Run() return.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- the loop's thread

  // Whether this thread is running the loop.
  bool OnThisThread() const { return current_ == this; }
  // Whether the present callback has run for some milliseconds: it should post
  // the rest of its work, so that the loop looks at descriptors and timers, and
  // what is queued is written. Only if OnThisThread().
  bool TurnIsOver() const;
  // Calls OnBatchEnd() once what is ready now has been handled. Only if
  // OnThisThread().
  void AtBatchEnd(std::shared_ptr<Source> source) {
    assert(OnThisThread());
    at_batch_end_.push_back(std::move(source));
  }

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Handles what is ready, without blocking.
  void RunReady() ABSL_LOCKS_EXCLUDED(mu_) {
    thread_->TakeForGood();
    RunOnce(MonotonicTime());
  }
  // When there will be something to do at the latest.
  MonotonicTime next_deadline() ABSL_LOCKS_EXCLUDED(mu_);
  int fd() const { return poller_.fd(); }

  // ---- any thread, but not callbacks of the loop

  // Blocks until `done`, which a callback of the loop sets before it calls
  // TellWaiting(). Runs the loop meanwhile, unless it belongs to another
  // thread. Does nothing in a child.
  void RunUntil(const std::atomic<bool>& done) ABSL_LOCKS_EXCLUDED(mu_);
  void TellWaiting() { thread_->Tell(); }

 private:
  class PostedFunction;
  class UserSignalScope;

  // The default loop's thread.
  static bool StartThread(std::shared_ptr<LoopCore> loop);

  LoopCore(Poller poller, Wakeup wakeup, absl::Duration max_busy_poll,
           const Clock& clock);

  void RunOnce(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Span<Poller::Event> Wait(absl::Span<Poller::Event> events,
                                 MonotonicTime deadline);
  void RunContinuations() ABSL_LOCKS_EXCLUDED(mu_);
  Continuation* NextContinuation() ABSL_LOCKS_EXCLUDED(mu_);
  void RunTimers() ABSL_LOCKS_EXCLUDED(mu_);
  void EndBatch();
  // Makes the loop look again.
  void Interrupt() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  bool inherited_by_fork() const { return fork_mark_.inherited(); }

  static thread_local LoopCore* current_;

  const Clock& clock_;
  Poller poller_;
  const Wakeup wakeup_;
  const ForkMark fork_mark_;
  const std::shared_ptr<LoopThread> thread_ = std::make_shared<LoopThread>();

  Mutex mu_ ABSL_ACQUIRED_AFTER(lock_order::loop);
  ContinuationQueue continuations_ ABSL_GUARDED_BY(mu_);
  std::list<PostedFunction> functions_ ABSL_GUARDED_BY(mu_);  // among those
  std::vector<std::weak_ptr<Source>> to_wake_ ABSL_GUARDED_BY(mu_);  // soon
  TimerQueue timers_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, std::weak_ptr<Source>> sources_
      ABSL_GUARDED_BY(mu_);
  uint64_t next_token_ ABSL_GUARDED_BY(mu_) = 1;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  // Used by the loop's thread.
  //
  // The signals that are blocked while users' code runs, if the thread blocks
  // others the rest of the time.
  std::optional<sigset_t> users_mask_;
  std::vector<std::shared_ptr<Source>> at_batch_end_;
  MonotonicTime turn_began_;
  BusyPoll busy_poll_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_LOOP_CORE_H_
