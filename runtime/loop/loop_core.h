#ifndef FDRPC_LOOP_LOOP_CORE_H_
#define FDRPC_LOOP_LOOP_CORE_H_

#include <atomic>
#include <cassert>
#include <csignal>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "call/continuation_queue.h"
#include "fdrpc/call.h"
#include "loop/loop_thread.h"
#include "loop/reactor.h"

namespace fdrpc {

// The implementation of a Loop: a reactor, on one thread, that also runs
// continuations. Has no thread of its own; the thread that runs it is its
// thread for that time.
class LoopCore final : public Reactor, public ContinuationRunner {
 public:
  class Source : public Reactor::Source {
   public:
    // The call that AtBatchEnd() asked for.
    virtual void OnBatchEnd() {}
  };

  // As Reactor::Create().
  static absl::StatusOr<std::shared_ptr<LoopCore>> Create(
      absl::Duration max_busy_poll, const Clock& clock = Clock::Real());
  // The loop for channels without one of their own. It has its own thread,
  // which lives as long as the process. Made by the first call (and again in a
  // forked child).
  static absl::StatusOr<std::shared_ptr<LoopCore>> Default();

  ~LoopCore();

  // ---- any thread

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
  void RunReady() ABSL_LOCKS_EXCLUDED(mu_);
  // When there will be something to do at the latest.
  MonotonicTime next_deadline() ABSL_LOCKS_EXCLUDED(mu_);

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

  LoopCore(Parts parts, absl::Duration max_busy_poll, const Clock& clock);

  // Has another thread, or who waits for fd(), look at the continuations.
  void Notify() {
    if (!OnThisThread()) Interrupt();
  }
  void RunOnce(bool waits) ABSL_LOCKS_EXCLUDED(mu_);
  void RunContinuations() ABSL_LOCKS_EXCLUDED(mu_);
  Continuation* NextContinuation() ABSL_LOCKS_EXCLUDED(mu_);
  void EndBatch();
  void EndRun() ABSL_LOCKS_EXCLUDED(mu_);

  static thread_local LoopCore* current_;

  const std::shared_ptr<LoopThread> thread_ = std::make_shared<LoopThread>();

  Mutex mu_ ABSL_ACQUIRED_AFTER(lock_order::loop);
  ContinuationQueue continuations_ ABSL_GUARDED_BY(mu_);
  std::list<PostedFunction> functions_ ABSL_GUARDED_BY(mu_);  // among those
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  // Used by the loop's thread.
  //
  // The signals that are blocked while users' code runs, if the thread blocks
  // others the rest of the time.
  std::optional<sigset_t> users_mask_;
  std::vector<std::shared_ptr<Source>> at_batch_end_;
  MonotonicTime turn_began_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_LOOP_CORE_H_
