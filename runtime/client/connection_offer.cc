#include "client/connection_offer.h"

#include <utility>

#include "os/local_socket.h"

namespace fdrpc {

absl::StatusOr<ConnectionOffer> ConnectionOffer::Make(ServiceOffer& offer,
                                                      int connection) {
  absl::StatusOr<std::pair<UniqueFd, UniqueFd>> pair = NewSocketPair();
  if (!pair.ok()) return pair.status();
  // Within a process there is no socket.
  const PeerCredentials server =
      GetPeerCredentials(connection).value_or(OwnCredentials());
  absl::StatusOr<std::shared_ptr<const void>> served =
      offer.Serve(std::move(pair->first), server);
  if (!served.ok()) return served.status();
  return ConnectionOffer{.socket = std::move(pair->second),
                         .served = *std::move(served)};
}

}  // namespace fdrpc
