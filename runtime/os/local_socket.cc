#include "os/local_socket.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/connect_failure.h"
#include "os/datagram_door.h"
#include "os/socket_file.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// SO_PEERPIDFD, which is missing in the headers of Debian 12.
constexpr int kPeerPidfd = 77;

// A larger buffer makes messages of no size faster.
constexpr int kSendBufferBytes = 1 << 20;

}  // namespace

absl::StatusOr<UniqueFd> NewLocalSocket(int type) {
  const int fd =
      Syscalls::Get().socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  return UniqueFd(fd);
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> NewSocketPair() {
  int fds[2] = {-1, -1};
  if (Syscalls::Get().socketpair(
          AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
    return absl::ErrnoToStatus(errno, "socketpair");
  }
  for (int fd : fds) RaiseSendBuffer(fd);
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

int ConnectionType(int type) {
  return type == SOCK_DGRAM ? SOCK_SEQPACKET : type;
}

absl::StatusOr<UniqueFd> ConnectSocket(const UnixAddress& address) {
  UniqueFd directory;
  if (address.is_long()) {
    absl::StatusOr<UniqueFd> opened = OpenDirectory(address);
    if (absl::IsNotFound(opened.status())) {
      return ConnectFailure(address, ENOENT);
    }
    if (absl::IsPermissionDenied(opened.status())) {
      return ConnectFailure(address, EACCES);
    }
    if (!opened.ok()) return opened.status();
    directory = *std::move(opened);
  }
  const UnixAddress reachable = address.Through(directory.get());
  absl::StatusOr<UniqueFd> fd = NewLocalSocket(address.type());
  if (!fd.ok()) return fd.status();
  // A Unix socket connects at once or not at all. After EINTR nothing continues
  // in the background as it would for TCP (unix_stream_connect in
  // net/unix/af_unix.c).
  const int connected = RetryOnEintr([&] {
    return Syscalls::Get().connect(fd->get(), reachable.socket_address(),
                                   reachable.length());
  });
  if (connected < 0) {
    if (errno == EAGAIN) return UniqueFd();
    return ConnectFailure(address, errno);
  }
  if (address.type() == SOCK_DGRAM) return Knock(fd->get(), address.text());
  if (address.type() == SOCK_STREAM) RaiseSendBuffer(fd->get());
  return fd;
}

void RaiseSendBuffer(int socket) {
  const Syscalls& syscalls = Syscalls::Get();
  int bytes = 0;
  socklen_t length = sizeof(bytes);
  if (syscalls.getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &length) < 0 ||
      bytes >= kSendBufferBytes) {
    return;
  }
  // The kernel doubles this value, and caps it at what it allows.
  syscalls.setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes,
                      sizeof(kSendBufferBytes));
}

absl::StatusOr<UniqueFd> OpenPeerPidfd(int socket,
                                       const PeerCredentials& peer) {
  const Syscalls& syscalls = Syscalls::Get();
  int fd = -1;
  if (peer.pid == getpid()) {
    // This process itself, which is alive; it may have no socket.
    fd = syscalls.pidfd_open(peer.pid, 0);
  } else if (socket < 0) {
    return absl::FailedPreconditionError(
        "the call came in a datagram, whose sender may have ended since: only "
        "a connection says which process its client is");
  } else {
    socklen_t length = sizeof(fd);
    if (syscalls.getsockopt(socket, SOL_SOCKET, kPeerPidfd, &fd, &length) < 0) {
      fd = -1;
    }
  }
  if (fd >= 0) return UniqueFd(fd);
  switch (errno) {
    case ENOPROTOOPT:
    case ENOSYS:
      return absl::UnimplementedError(
          "this kernel does not support SO_PEERPIDFD (Linux 6.5)");
    case ESRCH:
    case EINVAL:
      return absl::NotFoundError("the client's process has ended");
    default:
      return absl::ErrnoToStatus(errno, "SO_PEERPIDFD");
  }
}

absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket) {
  ucred credentials = {};
  socklen_t length = sizeof(credentials);
  if (Syscalls::Get().getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials,
                                 &length) < 0) {
    return absl::InternalError(absl::StrCat("SO_PEERCRED: errno ", errno));
  }
  return PeerCredentials{
      .uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

PeerCredentials OwnCredentials() {
  // The effective ids: the kernel records those at connect(2).
  return {.uid = ::geteuid(), .gid = ::getegid(), .pid = ::getpid()};
}

}  // namespace fdrpc
