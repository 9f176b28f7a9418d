#ifndef FDRPC_SERVICES_TOOL_UNIX_CONNECTIONS_H_
#define FDRPC_SERVICES_TOOL_UNIX_CONNECTIONS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace fdrpc::tool {

// The inodes of the clients' sockets, by the address to which they are
// connected, "unix:/run/x.sock": those in this network namespace, as the kernel
// lists them (sock_diag(7)). Connections through datagram sockets have no
// address and are not there. By its errno if the kernel does not tell.
absl::StatusOr<std::multimap<std::string, uint64_t>> FindUnixConnections();

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_UNIX_CONNECTIONS_H_
