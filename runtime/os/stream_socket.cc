#include "os/stream_socket.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

absl::StatusOr<UniqueFd> NewStreamSocket() {
  const int fd = Syscalls::Get().socket(
      AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  return UniqueFd(fd);
}

// Whether the socket file at `address` belongs to no listener any more.
absl::Status RemoveStaleSocket(const UnixAddress& address) {
  struct stat info;
  if (Syscalls::Get().lstat(address.path(), &info) < 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("lstat ", address.path()));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(absl::StrCat(
        address.path(), " exists and is not a socket; it is left alone"));
  }
  absl::StatusOr<UniqueFd> probe = NewStreamSocket();
  if (!probe.ok()) return probe.status();
  if (Syscalls::Get().connect(probe->get(), address.socket_address(),
                              address.length()) == 0 ||
      errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        absl::StrCat("a server listens on ", address.path(), " already"));
  }
  if (Syscalls::Get().unlink(address.path()) < 0 && errno != ENOENT) {
    return absl::ErrnoToStatus(errno, absl::StrCat("unlink ", address.path()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> ConnectStream(const UnixAddress& address) {
  absl::StatusOr<UniqueFd> fd = NewStreamSocket();
  if (!fd.ok()) return fd.status();
  // A Unix socket connects at once or not at all: after EINTR nothing goes on
  // in the background, as it would on TCP (unix_stream_connect in
  // net/unix/af_unix.c).
  const int connected = RetryOnEintr([&] {
    return Syscalls::Get().connect(fd->get(), address.socket_address(),
                                   address.length());
  });
  if (connected < 0) {
    switch (errno) {
      case ENOENT:
      case ECONNREFUSED:
        return absl::UnavailableError(
            absl::StrCat("nobody listens on ", address.text()));
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
    const UnixAddress& address) {
  absl::StatusOr<UniqueFd> fd = NewStreamSocket();
  if (!fd.ok()) return fd.status();
  const Syscalls& syscalls = Syscalls::Get();
  int bound =
      syscalls.bind(fd->get(), address.socket_address(), address.length());
  if (bound < 0 && errno == EADDRINUSE) {
    if (address.is_abstract()) {
      return absl::AlreadyExistsError(
          absl::StrCat("a server listens on ", address.text(), " already"));
    }
    absl::Status removed = RemoveStaleSocket(address);
    if (!removed.ok()) return removed;
    bound =
        syscalls.bind(fd->get(), address.socket_address(), address.length());
  }
  if (bound < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("bind ", address.text()));
  }
  StreamListener listener(*std::move(fd), address);
  // The kernel caps it at net.core.somaxconn.
  if (syscalls.listen(listener.fd(), SOMAXCONN) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("listen ", address.text()));
  }
  return listener;
}

StreamListener::StreamListener(UniqueFd fd, const UnixAddress& address)
    : fd_(std::move(fd)) {
  if (address.is_abstract()) return;
  path_ = address.path();
  struct stat info;
  if (Syscalls::Get().lstat(path_.c_str(), &info) == 0) {
    device_ = info.st_dev;
    inode_ = info.st_ino;
  }
}

StreamListener::~StreamListener() {
  if (!fd_.ok() || path_.empty()) return;
  struct stat info;
  if (Syscalls::Get().lstat(path_.c_str(), &info) == 0 &&
      info.st_dev == device_ && info.st_ino == inode_) {
    Syscalls::Get().unlink(path_.c_str());
  }
}

StreamListener::Accepted StreamListener::Accept() const {
  const int fd = RetryOnEintr([&] {
    return Syscalls::Get().accept4(fd_.get(), nullptr, nullptr,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
  });
  if (fd < 0) return {.socket = UniqueFd(), .error = errno};
  return {.socket = UniqueFd(fd), .error = 0};
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

}  // namespace fdrpc
