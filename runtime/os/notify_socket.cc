#include "os/notify_socket.h"

#include <cerrno>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "os/syscalls.h"

namespace fdrpc {

absl::StatusOr<NotifySocket> NotifySocket::Create(std::string_view address) {
  const std::string text(address);
  if (!text.starts_with('/') && !text.starts_with('@')) {
    return absl::InvalidArgumentError(
        absl::StrCat("NOTIFY_SOCKET is \"", text,
                     "\", which is neither a path nor an abstract name"));
  }
  absl::StatusOr<UnixAddress> parsed =
      UnixAddress::Parse(absl::StrCat("unix:", text));
  if (!parsed.ok()) return parsed.status();
  if (parsed->is_long()) {
    return absl::InvalidArgumentError("NOTIFY_SOCKET is too long (unix(7))");
  }
  UniqueFd fd(Syscalls::Get().socket(
      AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "socket");
  return NotifySocket(std::move(fd), *std::move(parsed));
}

absl::Status NotifySocket::Send(std::string_view state) const {
  const ssize_t sent = RetryOnEintr([&] {
    return Syscalls::Get().sendto(fd_.get(), state.data(), state.size(),
                                  MSG_NOSIGNAL, address_.socket_address(),
                                  address_.length());
  });
  if (sent >= 0) return absl::OkStatus();
  if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
    return absl::UnavailableError("the service manager does not read");
  }
  return absl::ErrnoToStatus(errno, "sendto NOTIFY_SOCKET");
}

absl::Duration WatchdogTimeout(const char* microseconds, const char* pid,
                               pid_t self) {
  pid_t meant = self;
  if (pid != nullptr && !absl::SimpleAtoi(pid, &meant)) meant = 0;
  int64_t timeout = 0;
  if (microseconds == nullptr || meant != self ||
      !absl::SimpleAtoi(microseconds, &timeout) || timeout <= 0) {
    return absl::InfiniteDuration();
  }
  return absl::Microseconds(timeout);
}

}  // namespace fdrpc
