#ifndef FDRPC_OS_LOCAL_SOCKET_H_
#define FDRPC_OS_LOCAL_SOCKET_H_

#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/unix_address.h"

namespace fdrpc {

// A new Unix-domain socket of that type (SOCK_STREAM, …), non-blocking and
// close-on-exec. Errors of socket(2) by their errno.
absl::StatusOr<UniqueFd> NewLocalSocket(int type);

// A pair of connected stream sockets, non-blocking and close-on-exec, with
// large send buffers. Errors of socketpair(2) by their errno.
absl::StatusOr<std::pair<UniqueFd, UniqueFd>> NewSocketPair();

// The type of the connections that a server's socket of type `type` accepts:
// the same type, but SOCK_SEQPACKET for a datagram socket, which is a door
// (os/datagram_door.h).
int ConnectionType(int type);

// Connects to a server with a socket of the address's ConnectionType(),
// non-blocking and close-on-exec. Never blocks. Empty if the server's queue is
// full. UNAVAILABLE if no server listens there (no such socket, connection
// refused); FAILED_PRECONDITION if the socket there has another type; other
// errors of connect(2), or of Knock(), by their errno.
absl::StatusOr<UniqueFd> ConnectSocket(const UnixAddress& address);

// Raises the send buffer of a stream socket as far as the system allows
// (net.core.wmem_max): large messages then cost fewer wake-ups. Not for packet
// sockets: a packet may refer to a whole file of sealed memory, which the
// kernel does not count.
void RaiseSendBuffer(int socket);

// A pidfd of the peer process, whose credentials are `peer`, as
// ServerContext::OpenPeerPidfd().
absl::StatusOr<UniqueFd> OpenPeerPidfd(int socket, const PeerCredentials& peer);

// INTERNAL if the kernel does not know them.
absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket);
// What GetPeerCredentials() tells a peer of this process.
PeerCredentials OwnCredentials();

}  // namespace fdrpc

#endif  // FDRPC_OS_LOCAL_SOCKET_H_
