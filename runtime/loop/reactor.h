#ifndef FDRPC_LOOP_REACTOR_H_
#define FDRPC_LOOP_REACTOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "loop/timer_queue.h"
#include "os/busy_poll.h"
#include "os/fork_generation.h"
#include "os/poller.h"
#include "os/wakeup.h"

namespace fdrpc {

// Waits, sleeping or polling, for descriptors and timers, and calls the sources
// to which they belong. Has no thread of its own: the threads that want its
// sources to be called run it, one at a time. Keeps no source alive.
class Reactor {
 public:
  // A user of the reactor. Called on the thread that runs it, without a lock.
  class Source {
   public:
    virtual ~Source() = default;
    // The descriptor is ready, as its interest says. Returns how much has
    // arrived, in frames or the like; nullopt if nothing was ready.
    virtual std::optional<size_t> OnReady(Poller::Event) { return 1; }
    // Its timer has expired, or Wake() was called.
    virtual void OnWake() {}
    // Whether OnReady() may also be called to find out whether anything can be
    // read: for the source that was ready last, while the reactor polls.
    virtual bool CanBePolled() const { return false; }
    // It is polled no more, because another source has become ready.
    virtual void OnPollingPassed() {}

    // For a source to which something may arrive without its descriptor being
    // ready (Reactor::Attend()). Whether OnReady() may read something; and
    // whether, before the reactor sleeps, nothing has arrived, and the
    // descriptor becomes ready with the next arrival.
    virtual bool MayBeReady() { return false; }
    virtual bool PrepareToSleep() { return true; }

   protected:
    bool attended() const { return attended_; }

   private:
    friend class Reactor;
    bool attended_ = false;  // used by the thread that runs the reactor
  };

  // The one time at which a source is to be woken, if it is set: at() is the
  // time, and kNoDeadline again once OnWake() is about to be called. While it
  // is set, its owner must keep the reactor. The destructor cancels it.
  class Timer final : public TimerQueue::Timer {
   public:
    ~Timer() {
      Reactor* const reactor = reactor_.load(std::memory_order_acquire);
      if (reactor != nullptr) reactor->CancelTimer(*this);
    }

   private:
    friend class Reactor;

    // The reactor in which it is set, or null.
    std::atomic<Reactor*> reactor_{nullptr};
    std::weak_ptr<Source> source_;  // guarded by the reactor's lock
  };

  // `max_busy_poll`: as for BusyPoll. Timers use `clock`, which must outlive
  // the reactor.
  static absl::StatusOr<std::shared_ptr<Reactor>> Create(
      absl::Duration max_busy_poll, const Clock& clock);
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // ---- any thread; does nothing in a child made by fork(2), where the epoll
  // set is the parent's

  const Clock& clock() const { return clock_; }
  bool inherited_by_fork() const { return fork_mark_.inherited(); }
  // FAILED_PRECONDITION in a child.
  absl::Status CheckProcess() const;

  // Watches `fd`, which is borrowed until Unwatch(). Returns its token, which
  // events contain. Errors of epoll_ctl(2) and of CheckProcess().
  absl::StatusOr<uint64_t> Watch(int fd, std::weak_ptr<Source> source,
                                 Poller::Interest interest = {})
      ABSL_LOCKS_EXCLUDED(mu_);
  // For a descriptor that is watched, this fails only if memory is short.
  absl::Status Change(int fd, uint64_t token, Poller::Interest interest);
  void Unwatch(int fd, uint64_t token) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls OnWake() soon.
  void Wake(std::weak_ptr<Source> source) ABSL_LOCKS_EXCLUDED(mu_);
  // Calls OnWake() once `at` has passed, instead of at the time to which the
  // timer was set before; kNoDeadline: never.
  void SetTimer(Timer& timer, MonotonicTime at, std::weak_ptr<Source> source)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The same, unless it is set to an earlier time.
  void SetTimerBy(Timer& timer, MonotonicTime at, std::weak_ptr<Source> source)
      ABSL_LOCKS_EXCLUDED(mu_);
  void CancelTimer(Timer& timer) ABSL_LOCKS_EXCLUDED(mu_);

  // Makes the present or next Poll() or Sleep() return. Safe in a signal
  // handler.
  void Interrupt();

  // ---- the thread that runs it

  // What Poll() has found: something; nothing, but it will come soon; or
  // nothing, and it may take long.
  enum class PollResult { kSomething, kNothingYet, kNothing };
  // Handles what is ready and what becomes ready soon, without sleeping.
  PollResult Poll() ABSL_LOCKS_EXCLUDED(mu_);
  // Sleeps until something is ready, and handles it. Only after Poll(), if that
  // has found nothing. May return early.
  void Sleep() ABSL_LOCKS_EXCLUDED(mu_);
  // Handles what is ready.
  void Look() { (void)Look(MonotonicTime()); }

  // Also looks whether `source` may be ready, without its descriptor, until it
  // is prepared for a sleep of the reactor.
  void Attend(const std::shared_ptr<Source>& source);

  // When it has something to do even if nothing arrives.
  MonotonicTime next_deadline() const {
    // Timers that were destroyed in the child are still linked in its copy.
    return inherited_by_fork() ? kNoDeadline : next_.load();
  }
  // Readable while something is ready; and after an Interrupt(), or when
  // next_deadline() has become earlier, unless the reactor is being run.
  int fd() const { return poller_.fd(); }
  int wakeup_fd() const { return wakeup_.fd(); }

 protected:
  // What Create() makes.
  struct Parts {
    static absl::StatusOr<Parts> Create();
    Poller poller;
    Wakeup wakeup;
  };

  Reactor(Parts parts, absl::Duration max_busy_poll, const Clock& clock);

  // Around a time in which one thread calls Look() and the like, and what that
  // brings, for others that wait for fd() until then. BeginRun() is also called
  // before each further Poll(), so that it looks at all first: every source has
  // its turn, however long others take. After EndRun(), whoever has found
  // something that is left to do calls Interrupt().
  void BeginRun() {
    sleeps_.store(false, std::memory_order_relaxed);
    polls_of_one_ = 0;
  }
  void EndRun() {
    interrupted_.store(false);
    sleeps_.store(true);
    if (!PrepareAttended()) Interrupt();
  }

 private:
  // Waits until `until`, if it must, and handles what is ready then. False if
  // nothing was.
  bool Look(MonotonicTime until) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Span<Poller::Event> Wait(absl::Span<Poller::Event> events,
                                 MonotonicTime until);
  void Handle(const Poller::Event& event) ABSL_LOCKS_EXCLUDED(mu_);
  // Looks at one source, or at those that are attended, and from time to time
  // at all.
  bool LookAt(Source* source,
              absl::Span<const std::shared_ptr<Source>> attended)
      ABSL_LOCKS_EXCLUDED(mu_);
  // As many of those that are attended as a turn looks at: the next ones each
  // time.
  using SomeSources = absl::InlinedVector<std::shared_ptr<Source>, 4>;
  SomeSources Attended();
  // Looks at each, and handles those that are ready. False if none was.
  bool LookInMemory(absl::Span<const std::shared_ptr<Source>> sources);
  // Makes the attended sources ready for a sleep. False if something has
  // arrived.
  bool PrepareAttended();
  // Calls OnWake() of the sources for which that is due. Costs no lock if there
  // are none.
  bool RunTimers() ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<Source> Find(uint64_t token) ABSL_LOCKS_EXCLUDED(mu_);
  void Set(Timer& timer, MonotonicTime at, std::weak_ptr<Source> source)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // After a change of `to_wake_` or `timers_`. Ends the sleep if it has
  // something to do sooner.
  void UpdateNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  Poller poller_;
  const Wakeup wakeup_;
  const ForkMark fork_mark_;

  Mutex mu_ ABSL_ACQUIRED_AFTER(lock_order::loop);
  std::vector<std::weak_ptr<Source>> to_wake_ ABSL_GUARDED_BY(mu_);  // soon
  TimerQueue timers_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, std::weak_ptr<Source>> sources_
      ABSL_GUARDED_BY(mu_);
  uint64_t next_token_ ABSL_GUARDED_BY(mu_) = 1;

  // Nobody looks at `interrupted_` and `next_` until `wakeup_` is notified. The
  // thread that is about to sleep writes `sleeps_` and then reads those two,
  // others write one of them and then read `sleeps_` (in a single order of all:
  // sequentially consistent).
  std::atomic<bool> sleeps_{true};
  std::atomic<bool> interrupted_{false};
  // When the first timer expires; the clock's zero if a source is to be woken
  // soon. Written with the lock.
  std::atomic<MonotonicTime> next_{kNoDeadline};

  // Used by the thread that runs it.
  BusyPoll busy_poll_;
  BusyPoll::Wait wait_;
  size_t arrived_ = 0;  // since `wait_` began
  // The token of the source that was ready last and can be polled, or 0; and
  // how often it is polled before all others are.
  uint64_t last_ready_ = 0;
  int polls_of_one_ = 0;
  std::vector<std::weak_ptr<Source>> attended_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_REACTOR_H_
