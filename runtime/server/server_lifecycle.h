#ifndef FDRPC_SERVER_SERVER_LIFECYCLE_H_
#define FDRPC_SERVER_SERVER_LIFECYCLE_H_

#include <algorithm>
#include <atomic>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"

namespace fdrpc {

// The stage of a server, from its setup to its end, and whether it was asked to
// end. Any thread, except as noted.
class ServerLifecycle {
 public:
  enum class Stage {
    kSetUp,  // gets services and sockets
    kServing,
    kDraining,  // accepts no connections; the others drain
    kEnding,    // has no connections, only handlers
  };

  Stage stage() const { return stage_.load(std::memory_order_acquire); }
  bool serves() const { return stage() != Stage::kSetUp; }
  // Goes to the next stage: to kServing on the thread that has set the server
  // up, later on the polling one.
  void Enter(Stage next) { stage_.store(next, std::memory_order_release); }

  // Asks for the end: calls in progress are cancelled `drain_timeout` from now.
  // A second request can only make that sooner.
  void RequestShutdown(MonotonicTime now, absl::Duration drain_timeout)
      ABSL_LOCKS_EXCLUDED(mu_) {
    const MonotonicTime deadline =
        DeadlineAfter(now, std::max(drain_timeout, absl::ZeroDuration()));
    MutexLock lock(mu_);
    shutdown_deadline_ =
        std::min(shutdown_deadline_.value_or(kNoDeadline), deadline);
  }
  // That time; nullopt without a request.
  std::optional<MonotonicTime> shutdown_deadline() const
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return shutdown_deadline_;
  }
  // The same for a signal handler, which cannot take a lock: the polling thread
  // turns it into a request to shut down.
  void RequestStop() { stop_requested_.store(true, std::memory_order_release); }
  bool TakeStopRequest() {
    return stop_requested_.load(std::memory_order_relaxed) &&
           stop_requested_.exchange(false, std::memory_order_acq_rel);
  }

 private:
  std::atomic<Stage> stage_{Stage::kSetUp};
  std::atomic<bool> stop_requested_{false};
  mutable Mutex mu_;
  std::optional<MonotonicTime> shutdown_deadline_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_LIFECYCLE_H_
