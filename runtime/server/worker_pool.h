#ifndef FDRPC_SERVER_WORKER_POOL_H_
#define FDRPC_SERVER_WORKER_POOL_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "call/continuation_queue.h"
#include "loop/reactor.h"
#include "os/watch_timer.h"
#include "server/executor.h"

namespace fdrpc {

// The threads of a server. One at a time polls for what arrives, and then
// itself runs the handlers: a call with a quick handler is never passed to
// another thread. Another thread is on watch, from the first handler on: when a
// handler turns out to be slow, it takes the polling over, and a further thread
// is started to watch. So a server that was never called has one thread, an
// idle one two, and one whose handlers block has one more than handlers.
// Handlers that block in Park() poll themselves, if nobody else does.
class WorkerPool final : public Executor,
                         public std::enable_shared_from_this<WorkerPool> {
 public:
  using PollResult = Reactor::PollResult;
  // `poll` handles what has arrived, and calls Post() for what is to be run; if
  // it `sleeps`, it waits until something arrives. Called by one thread at a
  // time, without a lock. `interrupt` makes the present or next poll() return;
  // called from any thread, under the pool's lock. Threads that were not needed
  // for `idle_time` end, after twice that at the latest.
  static absl::StatusOr<std::shared_ptr<WorkerPool>> Create(
      int max_threads, std::function<PollResult(bool sleeps)> poll,
      std::function<void()> interrupt,
      absl::Duration idle_time = absl::Seconds(10));
  // After Stop(), if it was started.
  ~WorkerPool() override { JoinThreads(); }

  // Starts the first thread. RESOURCE_EXHAUSTED if the system cannot start one.
  absl::Status Start() ABSL_LOCKS_EXCLUDED(mu_);
  int timer_fd() const { return timer_.fd(); }
  // Makes the calling thread one of the pool's until Stop().
  void Join() ABSL_LOCKS_EXCLUDED(mu_);
  // Blocks until the threads that it started have ended.
  void JoinThreads() ABSL_LOCKS_EXCLUDED(mu_);

  // Implementation of Executor.
  //
  // If all threads have ended, Post() after Stop() starts one.
  void Post(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Remove(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  bool DeferWrite(std::shared_ptr<DeferredWrite> write) override
      ABSL_LOCKS_EXCLUDED(mu_);
  // A thread of the pool polls itself, if no other one does, while there is
  // nothing else to run; another thread runs that, and takes the polling over
  // at once.
  bool Park(Parker& parker, MonotonicTime deadline) override
      ABSL_LOCKS_EXCLUDED(mu_);
  bool PollsInPark() const override { return RunsThisThread(); }
  void OnTokenGiven(Parker::ThreadState state, bool polls) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void PostUrgently(Continuation& continuation) override
      ABSL_LOCKS_EXCLUDED(mu_);
  // Lets the threads end once they have run what is queued.
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitEnd() override ABSL_LOCKS_EXCLUDED(mu_);
  bool RunsThisThread() const override;

 private:
  WorkerPool(int max_threads, std::function<PollResult(bool sleeps)> poll,
             std::function<void()> interrupt, absl::Duration idle_time,
             WatchTimer timer);

  bool StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Starts a thread for what was posted after all others had ended.
  void StartLateThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes another thread watch, if none does or is about to.
  void EnsureWatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes sure that a thread looks at the queue.
  void EnsureRun() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // The work of a thread of the pool until the end, or until it is not needed
  // any more if it `may_go`, and its parts.
  void Work(bool may_go) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Run() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Polls once. Sleeps only while `parker`, of a thread in Park(), has no
  // token.
  void Poll(const Parker* parker = nullptr) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Polls, within Park(), until there is a token, there is something else to
  // do, or another thread polls. Returns whether it was the token.
  bool PollUntilToken(Parker& parker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes another thread do at once what this one would.
  void HandOver() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What this thread is about to run may take long: makes sure that another one
  // does the rest.
  void HaveWatched() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps on the timer until the thread that should poll has been busy for too
  // long.
  void Watch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps until there is something to do for a thread that neither polls nor
  // watches. False if there are too many threads.
  bool Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Lets the next thread that ends, or JoinThreads(), join this one.
  void LeaveThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  bool CanRun() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    // The last thread keeps polling.
    return !urgent_.empty() ||
           (!queue_.empty() && (running_ < max_threads_ - 1 || stopping_));
  }
  // Whether a thread that has nothing else to do must not sleep.
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return stopping_ || CanRun() || !deferred_.empty();
  }
  bool PollsElsewhere() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return polling_ && poller_ != std::this_thread::get_id();
  }
  // Whether something is left to do that a watching thread would take over.
  bool IsNeglected() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !polling_ || CanRun() || !deferred_.empty();
  }
  void SetTimer(absl::Duration after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Releases the lock meanwhile.
  void WriteDeferred() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int max_threads_;
  const std::function<PollResult(bool sleeps)> poll_;
  const std::function<void()> interrupt_;
  const std::chrono::nanoseconds idle_time_;
  const WatchTimer timer_;

  Mutex mu_;
  CondVar rested_;
  ContinuationQueue queue_ ABSL_GUARDED_BY(mu_);
  ContinuationQueue urgent_ ABSL_GUARDED_BY(mu_);  // run even if all threads do
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
  int workers_ ABSL_GUARDED_BY(mu_) = 0;   // in Work(), or about to be
  int starting_ ABSL_GUARDED_BY(mu_) = 0;  // of those, about to be
  int running_ ABSL_GUARDED_BY(mu_) = 0;   // continuations
  int resting_ ABSL_GUARDED_BY(mu_) = 0;
  // The least number of idle threads since then: too many.
  int fewest_resting_ ABSL_GUARDED_BY(mu_) = 0;
  MonotonicTime fewest_since_ ABSL_GUARDED_BY(mu_);
  int too_many_ ABSL_GUARDED_BY(mu_) = 0;  // of those, that are to end
  std::thread gone_ ABSL_GUARDED_BY(mu_);  // the last one that ended
  bool polling_ ABSL_GUARDED_BY(mu_) = false;
  std::thread::id poller_ ABSL_GUARDED_BY(mu_);  // while polling_
  // A thread that sleeps in Park() has been woken and will poll next; until
  // then it is watched.
  bool polling_passed_ ABSL_GUARDED_BY(mu_) = false;
  bool watching_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Counts the continuations that have begun and ended, to tell whether
  // anything moves.
  uint64_t progress_ ABSL_GUARDED_BY(mu_) = 0;
  bool timer_set_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t progress_at_timer_ ABSL_GUARDED_BY(mu_) = 0;
  // When a handler was slow, as a value of progress_, and how much progress it
  // takes from there until handlers are trusted to be quick.
  uint64_t slow_at_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t quick_to_trust_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<DeferredWrite>> deferred_ ABSL_GUARDED_BY(mu_);
  MonotonicTime deferred_since_ ABSL_GUARDED_BY(mu_);
  // The watching thread must not wait for progress.
  bool hand_over_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_WORKER_POOL_H_
