#include "os/stream_socket.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/inherited_socket.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// SO_PEERPIDFD, which the headers of Debian 12 do not have.
constexpr int kPeerPidfd = 77;

absl::StatusOr<UniqueFd> NewStreamSocket() {
  const int fd = Syscalls::Get().socket(
      AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  return UniqueFd(fd);
}

absl::Status NobodyListens(const UnixAddress& address) {
  return absl::UnavailableError(
      absl::StrCat("nobody listens on ", address.text()));
}

absl::Status CheckListens(int fd) {
  const absl::StatusOr<SocketKind> kind = GetSocketKind(fd);
  if (!kind.ok()) return kind.status();
  if (kind->domain != AF_UNIX || kind->type != SOCK_STREAM) {
    return absl::InvalidArgumentError(
        "the socket to take over is not a stream socket of the Unix domain");
  }
  if (!kind->listens) {
    return absl::InvalidArgumentError(
        "the socket to take over does not listen");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectStream(const UnixAddress& address) {
  UniqueFd directory;
  if (address.is_long()) {
    absl::StatusOr<UniqueFd> opened = OpenDirectory(address);
    if (absl::IsNotFound(opened.status())) return NobodyListens(address);
    if (!opened.ok()) return opened.status();
    directory = *std::move(opened);
  }
  const UnixAddress reachable = address.ByWayOf(directory.get());
  absl::StatusOr<UniqueFd> fd = NewStreamSocket();
  if (!fd.ok()) return fd.status();
  // A Unix socket connects at once or not at all: after EINTR nothing goes on
  // in the background, as it would on TCP (unix_stream_connect in
  // net/unix/af_unix.c).
  const int connected = RetryOnEintr([&] {
    return Syscalls::Get().connect(fd->get(), reachable.socket_address(),
                                   reachable.length());
  });
  if (connected < 0) {
    switch (errno) {
      case ENOENT:
      case ECONNREFUSED:
        return NobodyListens(address);
      case EAGAIN:
        return absl::UnavailableError(
            absl::StrCat(address.text(),
                         " does not accept: its queue of connections is full"));
      default:
        return absl::ErrnoToStatus(errno,
                                   absl::StrCat("connect ", address.text()));
    }
  }
  return fd;
}

absl::StatusOr<StreamListener> StreamListener::Listen(
    const UnixAddress& address, const ListenOptions& options) {
  absl::StatusOr<UniqueFd> fd = NewStreamSocket();
  if (!fd.ok()) return fd.status();
  absl::StatusOr<SocketFile> file =
      SocketFile::Bind(fd->get(), address, options);
  if (!file.ok()) return file.status();
  StreamListener listener(*std::move(fd), *std::move(file));
  // From here on others can connect (unix_stream_connect in
  // net/unix/af_unix.c). The kernel caps the queue at net.core.somaxconn.
  if (Syscalls::Get().listen(listener.fd(), SOMAXCONN) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("listen ", address.text()));
  }
  return listener;
}

absl::StatusOr<StreamListener> StreamListener::TakeOver(UniqueFd fd,
                                                        bool removes_file) {
  absl::Status listens = CheckListens(fd.get());
  if (!listens.ok()) return listens;
  absl::Status prepared = PrepareToPoll(fd.get());
  if (!prepared.ok()) return prepared;
  if (!removes_file) return StreamListener(std::move(fd), SocketFile());
  absl::StatusOr<SocketFile> file = SocketFile::TakeOver(fd.get());
  if (!file.ok()) return file.status();
  return StreamListener(std::move(fd), *std::move(file));
}

absl::StatusOr<UniqueFd> StreamListener::Duplicate() const {
  UniqueFd another(Syscalls::Get().duplicate(fd_.get()));
  if (!another.ok()) {
    return absl::ErrnoToStatus(errno, "duplicating a listening socket");
  }
  return another;
}

StreamListener::StreamListener(UniqueFd fd, SocketFile file)
    : fd_(std::move(fd)), file_(std::move(file)) {}

StreamListener::Accepted StreamListener::Accept() const {
  const int fd = RetryOnEintr([&] {
    return Syscalls::Get().accept4(fd_.get(), nullptr, nullptr,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
  });
  if (fd < 0) return {.socket = UniqueFd(), .error = errno};
  return {.socket = UniqueFd(fd), .error = 0};
}

absl::StatusOr<UniqueFd> OpenPeerPidfd(int socket,
                                       const PeerCredentials& peer) {
  const Syscalls& syscalls = Syscalls::Get();
  int fd = -1;
  if (peer.pid == getpid()) {
    // This process itself, which has not ended; perhaps without a socket.
    fd = syscalls.pidfd_open(peer.pid, 0);
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
          "this kernel tells no pidfd of a peer (SO_PEERPIDFD, Linux 6.5)");
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
  // The effective ones: the kernel records those at connect(2).
  return {.uid = ::geteuid(), .gid = ::getegid(), .pid = ::getpid()};
}

}  // namespace fdrpc
