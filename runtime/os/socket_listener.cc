#include "os/socket_listener.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/datagram_door.h"
#include "os/local_socket.h"
#include "os/syscalls.h"

namespace fdrpc {

absl::StatusOr<SocketListener> SocketListener::Listen(
    const UnixAddress& address, const ListenOptions& options) {
  absl::StatusOr<UniqueFd> fd = NewLocalSocket(address.type());
  if (!fd.ok()) return fd.status();
  const bool door = address.type() == SOCK_DGRAM;
  if (door) {
    absl::Status prepared = PrepareDoor(fd->get());
    if (!prepared.ok()) return prepared;
  }
  absl::StatusOr<SocketFile> file =
      SocketFile::Bind(fd->get(), address, options);
  if (!file.ok()) return file.status();
  SocketListener listener(*std::move(fd), address.type(), *std::move(file),
                          Origin::kOwn);
  if (door) return listener;
  // From here on others can connect (unix_stream_connect in
  // net/unix/af_unix.c). The kernel limits the queue to net.core.somaxconn.
  if (Syscalls::Get().listen(listener.fd(), SOMAXCONN) < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("listen ", address.text()));
  }
  return listener;
}

absl::StatusOr<SocketListener> SocketListener::TakeOver(InheritedSocket& socket,
                                                        bool removes_file) {
  absl::Status listens = CheckListens(socket);
  if (!listens.ok()) return listens;
  absl::Status prepared = PrepareToPoll(socket.fd.get());
  if (!prepared.ok()) return prepared;
  if (socket.kind.type == SOCK_DGRAM) {
    prepared = PrepareDoor(socket.fd.get());
    if (!prepared.ok()) return prepared;
  }
  if (removes_file) {
    absl::StatusOr<SocketFile> taken = SocketFile::TakeOver(socket.fd.get());
    if (!taken.ok()) return taken.status();
    return SocketListener(std::move(socket.fd), socket.kind.type,
                          *std::move(taken), Origin::kOwn);
  }
  return SocketListener(std::move(socket.fd), socket.kind.type, SocketFile(),
                        Origin::kOthers);
}

absl::StatusOr<SocketListener> SocketListener::OfPair(UniqueFd socket) {
  absl::Status prepared = PrepareDoor(socket.get());
  if (!prepared.ok()) return prepared;
  return SocketListener(std::move(socket), SOCK_DGRAM, SocketFile(),
                        Origin::kPair);
}

absl::StatusOr<UniqueFd> SocketListener::Duplicate() const {
  UniqueFd another(Syscalls::Get().duplicate(fd_.get()));
  if (!another.ok()) {
    return absl::ErrnoToStatus(errno, "duplicating a listening socket");
  }
  return another;
}

SocketListener::SocketListener(UniqueFd fd, int type, SocketFile file,
                               Origin origin)
    : fd_(std::move(fd)),
      type_(type),
      origin_(origin),
      file_(std::move(file)) {}

SocketListener::AcceptResult SocketListener::Accept(
    absl::Span<char> buffer, ReceivedDatagram& datagram) const {
  const int error = ReceiveDatagram(fd(), buffer, datagram);
  if (error != 0) return {.socket = UniqueFd(), .error = error};
  // A pair has a client already.
  if (is_pair()) return {.socket = UniqueFd(), .error = EBADMSG};
  KnockResult answered = AnswerKnock(datagram);
  return {.socket = std::move(answered.socket), .error = answered.error};
}

bool SocketListener::EndReceiving() const {
  if (!receives_datagrams() || origin_ == Origin::kOthers) return false;
  return Syscalls::Get().shutdown(fd(), SHUT_RD) == 0;
}

SocketListener::AcceptResult SocketListener::Accept() const {
  if (receives_datagrams()) {
    // A knock is short; anything longer is none.
    char buffer[64];
    ReceivedDatagram datagram;
    return Accept(absl::MakeSpan(buffer), datagram);
  }
  const int fd = RetryOnEintr([&] {
    return Syscalls::Get().accept4(fd_.get(), nullptr, nullptr,
                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
  });
  if (fd < 0) return {.socket = UniqueFd(), .error = errno};
  if (type_ == SOCK_STREAM) RaiseSendBuffer(fd);
  return {.socket = UniqueFd(fd), .error = 0};
}

}  // namespace fdrpc
