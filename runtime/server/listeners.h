#ifndef FDRPC_SERVER_LISTENERS_H_
#define FDRPC_SERVER_LISTENERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "fdrpc/unique_fd.h"
#include "os/fork_ledger.h"
#include "os/poller.h"
#include "os/socket_listener.h"

namespace fdrpc {

// The listening sockets of a server, in its epoll set. Pauses a socket for a
// while when accepting fails because a resource is short: it stays readable, so
// polling it would spin.
//
// Threads: the polling one, except as noted.
class Listeners {
 public:
  // The first one has the token `first_token`, and so on. The poller is
  // borrowed. `owner`: of the descriptors, in the ForkLedger.
  Listeners(uint64_t first_token, uint32_t owner, const Clock& clock)
      : clock_(clock), first_token_(first_token), owner_(owner) {}

  absl::Status Add(SocketListener listener, Poller& poller)
      ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mu_);

  // Passes waiting connections to `adopt`, with their sockets' type; only some
  // of them, so that others get their turn.
  void Accept(uint64_t token, absl::FunctionRef<void(UniqueFd, int)> adopt)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Resumes sockets whose pause is over.
  void Resume(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mu_);
  MonotonicTime next_resume() const ABSL_LOCKS_EXCLUDED(mu_);

  // As in ServerStatistics. Any thread.
  uint64_t refused_knocks() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return refused_knocks_;
  }
  // As Server::HandOver(). Any thread.
  absl::StatusOr<std::vector<UniqueFd>> HandOver() ABSL_LOCKS_EXCLUDED(mu_);
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct BoundListener {
    SocketListener listener;
    // Set during a pause.
    MonotonicTime paused_until = MonotonicTime::min();
    // Destroyed before the listener.
    ForkLedger::Entry socket_entry = {};
    std::array<ForkLedger::Entry, 2> file_entries = {};
  };

  void Pause(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Clock& clock_;
  const uint64_t first_token_;
  const uint32_t owner_;
  Poller* poller_ = nullptr;
  // For the polling thread, which looks here in each round.
  bool any_paused_ = false;

  mutable Mutex mu_;
  std::vector<BoundListener> listening_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t refused_knocks_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_LISTENERS_H_
