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

// What a Loop is made of: descriptors that are waited for, timers, and
// continuations that are to run. Has no thread: whoever runs it is its thread
// for that time. Sources are its users; it keeps none of them alive.
class LoopCore final : public ContinuationRunner {
 public:
  // Called on the loop's thread, without a lock.
  class Source {
   public:
    virtual ~Source() = default;
    // The descriptor has become readable or writable: told once for each time
    // (EPOLLET of epoll(7)).
    virtual void OnReady(Poller::Event) {}
    // Its timer has expired, or Wake() was called.
    virtual void OnWake() {}
    // What AtBatchEnd() asked for.
    virtual void OnBatchEnd() {}
  };

  // The one time at which a source is to be woken, if it is set: at() is when,
  // and kNoDeadline again once OnWake() is about to be called. While it is set
  // its owner keeps the loop. One that is destroyed is cancelled.
  class Timer final : public TimerQueue::Timer {
   public:
    ~Timer() {
      LoopCore* const loop = loop_.load(std::memory_order_acquire);
      if (loop != nullptr) loop->CancelTimer(*this);
    }

   private:
    friend class LoopCore;

    // Which it is set in; null if it is not.
    std::atomic<LoopCore*> loop_{nullptr};
    std::weak_ptr<Source> source_;  // guarded by the loop's lock
  };

  // `max_busy_poll`: as of BusyPoll, for who runs it by Run(). Timers go by
  // `clock`, which outlives the loop.
  static absl::StatusOr<std::shared_ptr<LoopCore>> Create(
      absl::Duration max_busy_poll, const Clock& clock = Clock::Real());
  // The loop of those who name none: with a thread of its own, which lives as
  // long as the process. Made by the first call (and anew in a forked child).
  static absl::StatusOr<std::shared_ptr<LoopCore>> Default();

  ~LoopCore();

  // ---- any thread

  // FAILED_PRECONDITION in a child after fork(2), where the epoll set is the
  // parent's.
  absl::Status CheckProcess() const;
  const Clock& clock() const { return clock_; }

  // Waits until `fd` is readable; it is borrowed until Unwatch(). Returns its
  // token. Only if CheckProcess().
  absl::StatusOr<uint64_t> Watch(int fd, std::weak_ptr<Source> source)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Whether to wait until it is writable, too. Does nothing in a child,
  // nor does Unwatch().
  void WatchRoom(int fd, uint64_t token, bool watch);
  void Unwatch(int fd, uint64_t token) ABSL_LOCKS_EXCLUDED(mu_);

  // Has OnWake() called soon.
  void Wake(std::weak_ptr<Source> source) ABSL_LOCKS_EXCLUDED(mu_);
  // Has OnWake() called once `at` has passed, instead of at the time that the
  // timer was set to before: never, if that is kNoDeadline.
  void SetTimer(Timer& timer, MonotonicTime at, std::weak_ptr<Source> source)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Does nothing in a child.
  void CancelTimer(Timer& timer) ABSL_LOCKS_EXCLUDED(mu_);

  // Has the continuation run; false from Remove() if it has begun to.
  void Post(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Remove(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  // Has the function called, among the continuations. If the loop goes before,
  // it goes with it.
  void Post(absl::AnyInvocable<void()> function) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes Run() return.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // ---- the loop's thread

  // Whether this thread runs it at the moment.
  bool OnThisThread() const { return current_ == this; }
  // Whether what runs now has done so for some milliseconds: what it could go
  // on with it had better post, so that the loop looks at descriptors and
  // timers, and what is queued is written. Only if OnThisThread().
  bool TurnIsOver() const;
  // Has OnBatchEnd() called once what is ready now has been handled. Only if
  // OnThisThread().
  void AtBatchEnd(std::shared_ptr<Source> source) {
    assert(OnThisThread());
    at_batch_end_.push_back(std::move(source));
  }

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // Handles what is ready without blocking.
  void RunReady() ABSL_LOCKS_EXCLUDED(mu_) {
    thread_->TakeForGood();
    RunOnce(MonotonicTime());
  }
  // When there will be something to do at the latest.
  MonotonicTime next_deadline() ABSL_LOCKS_EXCLUDED(mu_);
  int fd() const { return poller_.fd(); }

  // ---- any thread, but not from what the loop calls

  // Blocks until `done`, which something that the loop calls sets, and follows
  // with TellWaiting(). Runs the loop meanwhile, unless it is another thread's.
  // Does nothing in a child.
  void RunUntil(const std::atomic<bool>& done) ABSL_LOCKS_EXCLUDED(mu_);
  void TellWaiting() { thread_->Tell(); }

 private:
  class PostedFunction;
  class UsersSignals;

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
  // Sees to it that the loop looks again.
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

  // The loop's thread's.
  //
  // The signals that are blocked while users' code runs, if the thread blocks
  // others, too, while it does not.
  std::optional<sigset_t> users_mask_;
  std::vector<std::shared_ptr<Source>> at_batch_end_;
  MonotonicTime turn_began_;
  BusyPoll busy_poll_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_LOOP_CORE_H_
