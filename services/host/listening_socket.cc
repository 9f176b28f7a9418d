#include "services/host/listening_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>
#include <vector>

#include "fdrpc/server.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::host {
namespace {

// How many clients are refused before others get their turn.
constexpr int kMostRefused = 64;

bool IsDatagramSocket(int socket) {
  int type = 0;
  socklen_t length = sizeof(type);
  return getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
         type == SOCK_DGRAM;
}

// The error, or 0.
int RefuseOne(int socket, bool is_datagram_socket) {
  if (is_datagram_socket) {
    char byte;
    return recv(socket, &byte, 1, MSG_DONTWAIT) < 0 ? errno : 0;
  }
  const UniqueFd client(
      accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  return client.ok() ? 0 : errno;
}

}  // namespace

absl::StatusOr<SharedFd> OpenListeningSocket(const std::string& address,
                                             const ListenOptions& options) {
  // A server that never serves: it makes the socket, and leaves it.
  Server server({.raise_open_files_limit = false});
  absl::Status status = server.Listen(address, options);
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<UniqueFd>> sockets = server.HandOver();
  if (!sockets.ok()) return sockets.status();
  return SharedFd(std::move(sockets->front()));
}

absl::Status RemoveSocketFile(const SharedFd& socket) {
  UniqueFd another(fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!another.ok()) return absl::ErrnoToStatus(errno, "duplicating a socket");
  Server server({.raise_open_files_limit = false});
  return server.Listen(std::move(another),
                       Server::SocketFile::kIsRemovedAtTheEnd);
}

std::string SocketName(int socket) {
  sockaddr_un address = {};
  socklen_t length = sizeof(address);
  constexpr size_t kPrefix = offsetof(sockaddr_un, sun_path);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) < 0 ||
      length <= kPrefix) {
    return "";
  }
  if (address.sun_path[0] != '\0') return address.sun_path;
  // Not ended by a zero, and each within it is shown like this, too.
  std::string name(address.sun_path, length - kPrefix);
  std::replace(name.begin(), name.end(), '\0', '@');
  return name;
}

bool RefuseClients(int socket) {
  const bool is_datagram_socket = IsDatagramSocket(socket);
  for (int i = 0; i < kMostRefused; ++i) {
    switch (RefuseOne(socket, is_datagram_socket)) {
      case 0:
      case EINTR:
      case ECONNABORTED:
        continue;
      case EAGAIN:
        return true;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace fdrpc::host
