#ifndef FDRPC_SERVER_WORKER_POOL_H_
#define FDRPC_SERVER_WORKER_POOL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "os/watch_timer.h"

namespace fdrpc {

// The threads of a server, of which one at a time polls for what arrives and
// then runs the handlers of the calls that it found itself: no hand-off on the
// way of a call whose handler is quick. Another thread is on watch: when a
// handler turns out slow, it takes the polling over, and a further thread is
// started to watch. So an idle server has two threads, and a server whose
// handlers block has one more than handlers.
class WorkerPool {
 public:
  using Task = std::function<void()>;

  // `poll` waits until something arrives and handles it, calling Submit() for
  // what is to be run; called by one thread at a time, without a lock. It must
  // return soon after Stop(), which does not wake it.
  static absl::StatusOr<std::unique_ptr<WorkerPool>> Create(
      int max_threads, std::function<void()> poll);
  // After Stop(), if it was started.
  ~WorkerPool() { JoinThreads(); }

  // Starts `count` threads. RESOURCE_EXHAUSTED if the system gives none.
  absl::Status Start(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // Makes the calling thread one of the pool's until Stop().
  void Join() ABSL_LOCKS_EXCLUDED(mu_);
  // Blocks until the threads that it started have ended.
  void JoinThreads() ABSL_LOCKS_EXCLUDED(mu_);
  // Queues a task. From poll().
  void Submit(Task task) ABSL_LOCKS_EXCLUDED(mu_);
  // Drops tasks that have not begun and lets the threads end after what they
  // run. From any thread.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  WorkerPool(int max_threads, std::function<void()> poll, WatchTimer timer);

  bool StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes another thread watch, if none does or is on its way to.
  void EnsureWatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Work() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunTask() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Poll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps on the timer until the thread that should poll has been busy for too
  // long.
  void Watch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sleeps until there is something to do for a thread that neither polls nor
  // watches.
  void Rest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool CanRun() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    // The last thread keeps polling.
    return !tasks_.empty() && running_ < max_threads_ - 1;
  }
  void SetTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int max_threads_;
  const std::function<void()> poll_;
  const WatchTimer timer_;

  Mutex mu_;
  CondVar rested_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
  int workers_ ABSL_GUARDED_BY(mu_) = 0;   // in Work() or about to be
  int starting_ ABSL_GUARDED_BY(mu_) = 0;  // of those, about to be
  int running_ ABSL_GUARDED_BY(mu_) = 0;   // tasks
  int resting_ ABSL_GUARDED_BY(mu_) = 0;
  bool polling_ ABSL_GUARDED_BY(mu_) = false;
  bool watching_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Counts tasks begun and ended, to tell whether anything moves.
  uint64_t progress_ ABSL_GUARDED_BY(mu_) = 0;
  bool timer_set_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t progress_at_timer_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_WORKER_POOL_H_
