#ifndef FDRPC_SERVER_SERVICE_NOTICES_H_
#define FDRPC_SERVER_SERVICE_NOTICES_H_

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "os/notify_socket.h"

namespace fdrpc {

// Notifies the service manager that started the server (sd_notify(3)): that it
// is ready, that it is alive, in time for the manager's watchdog, and that it
// stops. Runs no timer: the polling thread asks for next(). What the manager
// has no room for is sent a little later. What cannot be sent at all is lost,
// since the manager decides what to do about a silent service.
//
// Threads: the polling one, except for construction.
class ServiceNotices {
 public:
  // Notifies nobody.
  ServiceNotices() = default;
  // Over `socket`, starting with READY=1 at once; WATCHDOG=1 whenever half of
  // `watchdog` has passed.
  ServiceNotices(NotifySocket socket, absl::Duration watchdog)
      : socket_(std::move(socket)), interval_(watchdog / 2) {
    Owe("READY=1");
  }
  // As the environment of this process says. Errors of NotifySocket::Create().
  static absl::StatusOr<ServiceNotices> FromEnvironment();

  // Sends STOPPING=1.
  void Stop() { Owe("STOPPING=1"); }
  // Sends what is due.
  void Advance(MonotonicTime now);
  // When something will be due.
  MonotonicTime next() const { return next_; }

 private:
  void Owe(std::string_view state);

  std::optional<NotifySocket> socket_;
  absl::Duration interval_ = absl::InfiniteDuration();
  std::string_view owed_;  // a constant
  MonotonicTime next_ = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVICE_NOTICES_H_
