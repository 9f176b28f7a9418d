#ifndef FDRPC_SERVER_CONNECTED_PEER_H_
#define FDRPC_SERVER_CONNECTED_PEER_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/local_socket.h"

namespace fdrpc {

// The peer of a connection, as the kernel has recorded it. Borrows the
// connection's socket.
class ConnectedPeer {
 public:
  // For a peer that another socket has told.
  static constexpr int kNoSocket = -1;

  ConnectedPeer(int socket, const PeerCredentials& credentials)
      : socket_(socket), credentials_(credentials) {}

  const PeerCredentials& credentials() const { return credentials_; }
  // As ServerContext::OpenPeerPidfd().
  absl::StatusOr<UniqueFd> OpenPidfd() const {
    if (socket_ == kNoSocket) {
      return absl::UnimplementedError(
          "the peer of a call back has no pidfd: it uses a socket that this "
          "process has made");
    }
    return OpenPeerPidfd(socket_, credentials_);
  }

 private:
  const int socket_;
  const PeerCredentials credentials_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTED_PEER_H_
