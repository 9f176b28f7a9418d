#include "os/inherited_socket.h"

#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

absl::StatusOr<int> IntegerOption(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  if (Syscalls::Get().getsockopt(fd, SOL_SOCKET, option, &value, &length) ==
      0) {
    return value;
  }
  switch (errno) {
    case EBADF:
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", fd, " is not open"));
    case ENOTSOCK:
      return absl::InvalidArgumentError(
          absl::StrCat("descriptor ", fd, " is not a socket"));
    default:
      return absl::ErrnoToStatus(errno, absl::StrCat("getsockopt of ", fd));
  }
}

// Whether a socket of that kind can be served, or called over.
absl::Status CheckType(int fd, const SocketKind& kind) {
  if (kind.domain != AF_UNIX) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", fd, " is not a socket of the Unix domain"));
  }
  if (kind.type == SOCK_DGRAM && kind.connected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "descriptor ", fd,
        " is a connected datagram socket, over which nobody learns that the "
        "other end has gone; for a pair, use socketpair(2) with "
        "SOCK_SEQPACKET"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SocketKind> GetSocketKind(int fd) {
  SocketKind kind;
  int listens = 0;
  for (const auto& [option, value] :
       {std::pair{SO_DOMAIN, &kind.domain}, std::pair{SO_TYPE, &kind.type},
        std::pair{SO_ACCEPTCONN, &listens}}) {
    absl::StatusOr<int> got = IntegerOption(fd, option);
    if (!got.ok()) return got.status();
    *value = *got;
  }
  kind.listens = listens != 0;
  sockaddr_un name = {};
  socklen_t length = sizeof(name);
  kind.connected = Syscalls::Get().getpeername(
                       fd, reinterpret_cast<sockaddr*>(&name), &length) == 0;
  // The name of a socket that has none is its family alone (unix(7)).
  length = sizeof(name);
  if (kind.type == SOCK_DGRAM && !kind.connected) {
    if (Syscalls::Get().getsockname(fd, reinterpret_cast<sockaddr*>(&name),
                                    &length) < 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("getsockname of ", fd));
    }
    kind.listens = length > offsetof(sockaddr_un, sun_path);
  }
  return kind;
}

absl::StatusOr<InheritedSocket> InspectSocket(UniqueFd fd) {
  absl::StatusOr<SocketKind> kind = GetSocketKind(fd.get());
  if (!kind.ok()) return kind.status();
  return InheritedSocket{std::move(fd), *kind};
}

absl::StatusOr<std::optional<int>> ParseFdAddress(std::string_view address) {
  constexpr std::string_view kScheme = "fd:";
  if (!address.starts_with(kScheme)) return std::nullopt;
  const std::string number(address.substr(kScheme.size()));
  int fd = -1;
  if (number.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(number, &fd)) {
    return absl::InvalidArgumentError(
        absl::StrCat("address \"", std::string(address),
                     "\" has no descriptor's number behind fd:"));
  }
  return fd;
}

absl::StatusOr<InheritedSocket> TakeInheritedSocket(int number) {
  absl::StatusOr<SocketKind> kind = GetSocketKind(number);
  if (!kind.ok()) return kind.status();
  absl::Status ours = CheckType(number, *kind);
  if (!ours.ok()) return ours;
  if (!kind->listens && !kind->connected) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", number,
                     " is a socket that neither listens nor is connected"));
  }
  return InheritedSocket{UniqueFd(number), *kind};
}

absl::Status CheckListens(const InheritedSocket& socket) {
  absl::Status ours = CheckType(socket.fd.get(), socket.kind);
  if (!ours.ok()) return ours;
  if (socket.kind.listens) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "descriptor ", socket.fd.get(), " is a socket that does not listen"));
}

absl::Status PrepareConnectedSocket(const InheritedSocket& socket) {
  absl::Status ours = CheckType(socket.fd.get(), socket.kind);
  if (!ours.ok()) return ours;
  if (!socket.kind.connected) {
    return absl::InvalidArgumentError(absl::StrCat(
        "descriptor ", socket.fd.get(), " is a socket that is not connected"));
  }
  return PrepareToPoll(socket.fd.get());
}

absl::Status PrepareToPoll(int socket) {
  // The status flags are the other holders', too, if there are any.
  if (Syscalls::Get().set_nonblocking(socket) < 0 ||
      Syscalls::Get().set_close_on_exec(socket) < 0) {
    return absl::ErrnoToStatus(errno, "fcntl of an inherited socket");
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
