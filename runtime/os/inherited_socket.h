#ifndef FDRPC_OS_INHERITED_SOCKET_H_
#define FDRPC_OS_INHERITED_SOCKET_H_

#include <sys/socket.h>  // the constants of SocketKind

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Sockets that were made elsewhere: by a parent process, a predecessor, a
// service manager.

// Properties of a socket, as the kernel reports them.
struct SocketKind {
  int domain = 0;  // AF_UNIX
  int type = 0;    // SOCK_STREAM, …
  // For a datagram socket: whether it is a server's, which is bound and not
  // connected.
  bool listens = false;
  bool connected = false;
};
// INVALID_ARGUMENT if `fd` is not an open socket.
absl::StatusOr<SocketKind> GetSocketKind(int fd);

// A socket that was made elsewhere, which this owns, with its kind as the
// kernel reports it. Whoever makes one decides whether it is usable.
struct InheritedSocket {
  UniqueFd fd;
  SocketKind kind;
};
// INVALID_ARGUMENT if `fd` is not an open socket.
absl::StatusOr<InheritedSocket> InspectSocket(UniqueFd fd);

// Takes the socket with that number; the caller owns it. It must be a
// Unix-domain socket that listens or is connected, or a datagram socket that
// is bound. Otherwise INVALID_ARGUMENT.
// FAILED_PRECONDITION if this process has taken it before. An error leaves the
// descriptor open.
absl::StatusOr<InheritedSocket> TakeInheritedSocket(int number);

// Undoes TakeInheritedSocket(): the socket stays open, and can be taken again.
void GiveBack(InheritedSocket socket);

// OK if it is a Unix-domain socket that listens, or a datagram socket that is
// bound. Otherwise INVALID_ARGUMENT, which says what it is instead.
absl::Status CheckListens(const InheritedSocket& socket);
// OK if it is a connected Unix-domain socket, which is then set to
// non-blocking and close-on-exec. Otherwise INVALID_ARGUMENT, or
// FAILED_PRECONDITION if it is a duplicate of a socket that this process uses:
// two readers of one socket lose each other's bytes.
absl::Status PrepareConnectedSocket(const InheritedSocket& socket);

// Sets a socket that was made elsewhere to non-blocking, so that it cannot
// block the thread that polls it, and to close-on-exec.
absl::Status PrepareToPoll(int socket);

}  // namespace fdrpc

#endif  // FDRPC_OS_INHERITED_SOCKET_H_
