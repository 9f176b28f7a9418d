#ifndef FDRPC_OS_LOCAL_SOCKET_H_
#define FDRPC_OS_LOCAL_SOCKET_H_

#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/unix_address.h"

namespace fdrpc {

// A new socket of the Unix domain, of that type (SOCK_STREAM, …), non-blocking
// and close-on-exec. Errors of socket(2) by their errno.
absl::StatusOr<UniqueFd> NewLocalSocket(int type);

// The type of the sockets of connections that are made at a socket of `type`:
// the same, but SOCK_SEQPACKET for a datagram socket, which is a door
// (os/datagram_door.h).
int ConnectionType(int type);

// Connects to a server: a socket of the address's ConnectionType(),
// non-blocking and close-on-exec. Never blocks: UNAVAILABLE if nobody listens
// there (no such socket, refused), and empty if a server does, but its queue is
// full; FAILED_PRECONDITION if a socket of another type is there; other errors
// of connect(2), or as Knock(), by their errno.
absl::StatusOr<UniqueFd> ConnectSocket(const UnixAddress& address);

// Lets a stream socket hold more of what is sent, as far as the system allows
// (net.core.wmem_max): large messages cost fewer wake-ups. Not for others: a
// packet may have a whole file of sealed memory behind it, for which the kernel
// counts nothing.
void RaiseSendBuffer(int socket);

// A pidfd of the process at the other end, of which `peer` is known, as
// ServerContext::OpenPeerPidfd.
absl::StatusOr<UniqueFd> OpenPeerPidfd(int socket, const PeerCredentials& peer);

// INTERNAL if the kernel does not tell.
absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket);
// What that would tell a peer of this process.
PeerCredentials OwnCredentials();

}  // namespace fdrpc

#endif  // FDRPC_OS_LOCAL_SOCKET_H_
