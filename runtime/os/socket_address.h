#ifndef FDRPC_OS_SOCKET_ADDRESS_H_
#define FDRPC_OS_SOCKET_ADDRESS_H_

#include <string>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "os/unix_address.h"

namespace fdrpc {

// "fd:7": a socket that the process has inherited with that number.
struct FdAddress {
  int number;
};
// "systemd:NAME": the sockets with that name that a service manager has passed,
// or all that it has passed if the name is empty.
struct SystemdAddress {
  std::string name;
};

// An address in any form that users write (docs/guide/addresses.md).
using SocketAddress = std::variant<UnixAddress, FdAddress, SystemdAddress>;

// INVALID_ARGUMENT says what is wrong with `text`.
absl::StatusOr<SocketAddress> ParseSocketAddress(std::string_view text);

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_ADDRESS_H_
