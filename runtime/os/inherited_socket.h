#ifndef FDRPC_OS_INHERITED_SOCKET_H_
#define FDRPC_OS_INHERITED_SOCKET_H_

#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Sockets that somebody else has made: a parent, a predecessor, a service
// manager.

// What a socket is, as the kernel tells.
struct SocketKind {
  int domain = 0;  // AF_UNIX
  int type = 0;    // SOCK_STREAM, …
  // Or, of a datagram socket, is a door: bound, and connected to nobody.
  bool listens = false;
  bool connected = false;
};
// INVALID_ARGUMENT if `fd` is not open, or not a socket.
absl::StatusOr<SocketKind> GetSocketKind(int fd);

// A socket, and what it is.
struct InheritedSocket {
  UniqueFd fd;
  SocketKind kind;
};
// INVALID_ARGUMENT if `fd` is not open, or not a socket.
absl::StatusOr<InheritedSocket> InspectSocket(UniqueFd fd);

// The number in an address "fd:7"; none if `address` has another form.
// INVALID_ARGUMENT if there is no number behind "fd:".
absl::StatusOr<std::optional<int>> ParseFdAddress(std::string_view address);

// The socket of that number, which is the caller's from then on, if it is one
// of ours, of the Unix domain: a stream or seqpacket socket that listens or is
// connected, or a datagram socket that is a door. Otherwise INVALID_ARGUMENT;
// or FAILED_PRECONDITION if this process has taken it before. The descriptor is
// left alone then.
absl::StatusOr<InheritedSocket> TakeInheritedSocket(int number);

// For who took a socket by its number and has no use for it: it stays open, and
// can be taken again.
void GiveBack(InheritedSocket socket);

// OK if it is a socket of the Unix domain that listens, or is a door.
// Otherwise INVALID_ARGUMENT, with what it is instead.
absl::Status CheckListens(const InheritedSocket& socket);
// The same if it is a connected stream or seqpacket socket, and if so has it
// not block, and close on exec. FAILED_PRECONDITION if it is a duplicate of one
// that is in use by this process: two that read one end lose each other's
// bytes.
absl::Status PrepareConnectedSocket(const InheritedSocket& socket);

// Has a socket that was made elsewhere not block, as one that did could hold up
// who polls it, and close on exec.
absl::Status PrepareToPoll(int socket);

}  // namespace fdrpc

#endif  // FDRPC_OS_INHERITED_SOCKET_H_
