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

// Which of many descriptors are ready: an epoll(7) set. Knows each descriptor
// by a number of the caller's and owns none of them.
//
// Threads: Add, Change and Remove may be called while another thread waits.
class Poller {
 public:
  struct Interest {
    bool readable = true;
    bool writable = false;
    // Told once each time something changes, instead of as long as it lasts.
    bool edge_triggered = false;
  };
  struct Event {
    uint64_t token = 0;
    // Both are also set when the peer has closed or the descriptor has failed,
    // which epoll tells whatever the interest: trying either finds out.
    bool readable = false;
    bool writable = false;
  };

  static absl::StatusOr<Poller> Create();

  // Readable when Wait() would not block.
  int fd() const { return epoll_.get(); }

  absl::Status Add(int fd, uint64_t token, Interest interest);
  absl::Status Change(int fd, uint64_t token, Interest interest);
  void Remove(int fd);

  // Blocks until a descriptor is ready or `deadline` has passed, and gives the
  // part of `events` that it filled: possibly empty.
  absl::Span<Event> Wait(absl::Span<Event> events, MonotonicTime deadline);

 private:
  explicit Poller(UniqueFd epoll) : epoll_(std::move(epoll)) {}

  absl::Status Control(int operation, int fd, uint64_t token,
                       Interest interest);

  OwnFd epoll_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_POLLER_H_
