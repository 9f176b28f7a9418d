#ifndef FDRPC_CLIENT_CONNECTION_OFFER_H_
#define FDRPC_CLIENT_CONNECTION_OFFER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "fdrpc/service_offer.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// The socket for what a channel offers on one of its connections.
struct ConnectionOffer {
  // Makes a pair of sockets, and has one served for the peer of `connection`, a
  // socket on which the other is to be sent. RESOURCE_EXHAUSTED if that is not
  // possible at the moment.
  static absl::StatusOr<ConnectionOffer> Make(ServiceOffer& offer,
                                              int connection);

  UniqueFd socket;  // for the server
  // Serves the other end until it is released.
  std::shared_ptr<const void> served;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CONNECTION_OFFER_H_
