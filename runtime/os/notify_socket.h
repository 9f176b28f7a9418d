#ifndef FDRPC_OS_NOTIFY_SOCKET_H_
#define FDRPC_OS_NOTIFY_SOCKET_H_

#include <sys/types.h>

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/unique_fd.h"
#include "os/unix_address.h"

namespace fdrpc {

// Sends a service's state to the service manager, by the protocol of
// sd_notify(3). Opens its socket at the beginning, so that a process that runs
// out of descriptors can still send.
class NotifySocket {
 public:
  // `address` is the value of NOTIFY_SOCKET: INVALID_ARGUMENT unless it is a
  // path, or an abstract name after an "@".
  static absl::StatusOr<NotifySocket> Create(std::string_view address);

  // Sends `state`, such as "READY=1". Does not block: UNAVAILABLE if the
  // manager's queue is full; other errors of sendto(2) by their errno.
  absl::Status Send(std::string_view state) const;

 private:
  NotifySocket(UniqueFd fd, UnixAddress address)
      : fd_(std::move(fd)), address_(std::move(address)) {}

  UniqueFd fd_;
  UnixAddress address_;
};

// The time without a "WATCHDOG=1" after which the manager restarts service
// `self`, by the values of WATCHDOG_USEC and WATCHDOG_PID (null: not set).
// Infinite if it has no watchdog, or the values are for another process.
absl::Duration WatchdogTimeout(const char* microseconds, const char* pid,
                               pid_t self);

}  // namespace fdrpc

#endif  // FDRPC_OS_NOTIFY_SOCKET_H_
