#ifndef FDRPC_SERVER_GIVEN_CONNECTION_H_
#define FDRPC_SERVER_GIVEN_CONNECTION_H_

#include <sys/types.h>

#include <memory>
#include <optional>

#include "server/service_registry.h"

namespace fdrpc {

// What is special about a connection over a pair of sockets that this process
// has made, and of which it serves one end.
struct GivenConnection {
  // Served instead of the server's; null: those.
  std::shared_ptr<const ServiceRegistry> services = nullptr;
  // The peer's process is not the one that the socket names.
  bool peer_is_told = false;
  // The client may be silent for any time, also before its hello.
  bool may_be_silent = false;
  // The user for whom it counts, if that is not the peer.
  std::optional<uid_t> counts_for = std::nullopt;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_GIVEN_CONNECTION_H_
