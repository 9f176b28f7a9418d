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

// Tells a service manager how a service fares, by the protocol of sd_notify(3).
// Owns a socket from the beginning, so that a process that runs out of
// descriptors can still say that it lives.
class NotifySocket {
 public:
  // `address` is the value of NOTIFY_SOCKET: INVALID_ARGUMENT unless it is a
  // path or an abstract name behind an "@".
  static absl::StatusOr<NotifySocket> Create(std::string_view address);

  // Sends `state`, such as "READY=1". Does not block: UNAVAILABLE if the
  // manager has too much to read; other errors of sendto(2) by their errno.
  absl::Status Send(std::string_view state) const;

 private:
  NotifySocket(UniqueFd fd, UnixAddress address)
      : fd_(std::move(fd)), address_(std::move(address)) {}

  UniqueFd fd_;
  UnixAddress address_;
};

// After what time without a "WATCHDOG=1" the manager restarts the service
// `self`, by the values of WATCHDOG_USEC and WATCHDOG_PID (null: not set):
// infinite if it does not, or means another process.
absl::Duration WatchdogTimeout(const char* microseconds, const char* pid,
                               pid_t self);

}  // namespace fdrpc

#endif  // FDRPC_OS_NOTIFY_SOCKET_H_
