#include "server/service_notices.h"

#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "os/local_socket.h"

namespace fdrpc {
namespace {

// After this time, what the manager had no room for is sent again.
constexpr absl::Duration kNoticePause = absl::Milliseconds(50);

}  // namespace

absl::StatusOr<ServiceNotices> ServiceNotices::FromEnvironment() {
  const char* const address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr) return ServiceNotices();
  absl::StatusOr<NotifySocket> socket = NotifySocket::Create(address);
  if (!socket.ok()) return socket.status();
  return ServiceNotices(
      *std::move(socket),
      WatchdogTimeout(std::getenv("WATCHDOG_USEC"), std::getenv("WATCHDOG_PID"),
                      OwnCredentials().pid));
}

void ServiceNotices::Owe(std::string_view state) {
  if (!socket_.has_value()) return;
  owed_ = state;
  next_ = MonotonicTime();
}

void ServiceNotices::Advance(MonotonicTime now) {
  if (now < next_) return;
  const absl::Status sent =
      socket_->Send(owed_.empty() ? std::string_view("WATCHDOG=1") : owed_);
  if (absl::IsUnavailable(sent)) {
    next_ = DeadlineAfter(now, kNoticePause);
    return;
  }
  // READY=1 also counts for the watchdog: the manager watches from there.
  owed_ = {};
  next_ = DeadlineAfter(now, interval_);
}

}  // namespace fdrpc
