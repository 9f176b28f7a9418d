#ifndef FDRPC_OS_POLLER_H_
#define FDRPC_OS_POLLER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/monotonic_time.h"
#include "fdrpc/unique_fd.h"
#include "os/own_fd.h"

namespace fdrpc {

// An epoll(7) set: tells which of many descriptors are ready. It knows each
// descriptor by a number that the caller chooses, and owns none of them.
//
// Threads: Add, Change and Remove may be called while another thread waits.
class Poller {
 public:
  struct Interest {
    bool readable = true;
    bool writable = false;
    // Report each change once, instead of the state for as long as it lasts.
    bool edge_triggered = false;
  };
  struct Event {
    uint64_t token = 0;
    // Both are also set if the peer has closed or the descriptor has failed,
    // which epoll reports whatever the interest. Reading or writing finds out.
    bool readable = false;
    bool writable = false;
  };

  static absl::StatusOr<Poller> Create();

  // Readable if Wait() would not block.
  int fd() const { return epoll_.get(); }

  absl::Status Add(int fd, uint64_t token, Interest interest);
  absl::Status Change(int fd, uint64_t token, Interest interest);
  void Remove(int fd);

  // Blocks until a descriptor is ready or `deadline` has passed. Returns the
  // part of `events` that it has filled, possibly empty.
  absl::Span<Event> Wait(absl::Span<Event> events, MonotonicTime deadline);

 private:
  explicit Poller(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  absl::Status Control(int operation, int fd, uint64_t token,
                       Interest interest);

  OwnFd epoll_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_POLLER_H_
