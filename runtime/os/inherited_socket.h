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
  bool listens = false;
  bool connected = false;
};
// INVALID_ARGUMENT if `fd` is not open, or not a socket.
absl::StatusOr<SocketKind> GetSocketKind(int fd);

// The number in an address "fd:7"; none if `address` has another form.
// INVALID_ARGUMENT if there is no number behind "fd:".
absl::StatusOr<std::optional<int>> ParseFdAddress(std::string_view address);

// The socket of that number, which is the caller's from then on, if it is one
// of ours: a stream socket of the Unix domain that listens or is connected.
// Otherwise INVALID_ARGUMENT, or UNIMPLEMENTED for other types of sockets of
// that domain, and the descriptor is left alone.
absl::StatusOr<UniqueFd> TakeInheritedSocket(int number);

// OK if `fd` is a connected stream socket of the Unix domain, which does not
// block and is closed on exec from then on; otherwise as TakeInheritedSocket().
absl::Status PrepareConnectedSocket(int fd);

// Has a socket that was made elsewhere not block, as one that did could hold up
// who polls it, and close on exec.
absl::Status PrepareToPoll(int socket);

}  // namespace fdrpc

#endif  // FDRPC_OS_INHERITED_SOCKET_H_
