#ifndef FDRPC_REMOTE_PEER_H_
#define FDRPC_REMOTE_PEER_H_

#include <iosfwd>
#include <string>
#include <string_view>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"
#include "fdrpc/peer_credentials.h"

namespace fdrpc {

// The metadata by which a process that forwards calls, such as a gateway, says
// for whom it makes them (docs/protocol.md, "Calls for remote peers"). A call
// with the first key is a remote peer's, whoever makes it: so a process can
// only lose rights by it.
inline constexpr std::string_view kRemotePeerKey = "fdrpc-remote-peer";
inline constexpr std::string_view kRemoteIdentityKey =
    "fdrpc-remote-identity-bin";

// A peer for which another process forwards a call. It has no user and no
// process here, and descriptors do not reach it.
struct RemotePeer {
  // Where it is, in the forwarder's words: "ipv4:192.0.2.7:53412".
  std::string address;
  // Who it is, as the forwarder has authenticated it: with TLS, the name in the
  // peer's certificate. Empty if it has not, and if the forwarder is neither
  // root nor the server's own user, whose word counts for nothing.
  std::string identity;
  // The process that forwards, as the kernel recorded it.
  PeerCredentials forwarder;
};

FDRPC_API void PrintTo(const RemotePeer& peer, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_REMOTE_PEER_H_
