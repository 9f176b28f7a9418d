#ifndef FDRPC_SERVICE_OFFER_H_
#define FDRPC_SERVICE_OFFER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Services that channels offer to the servers to which they connect
// (ChannelOptions::offer). fdrpc::OfferedServices makes one; nobody else needs
// to.
//
// Threads: any.
class FDRPC_API ServiceOffer {
 public:
  virtual ~ServiceOffer() = default;

  // Serves the process `peer` over `socket`, one end of a new pair, until the
  // peer closes its end or the last copy of the result is released. Does not
  // block. An error is the status of the calls for which the channel was
  // connecting.
  virtual absl::StatusOr<std::shared_ptr<const void>> Serve(
      UniqueFd socket, const PeerCredentials& peer) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICE_OFFER_H_
