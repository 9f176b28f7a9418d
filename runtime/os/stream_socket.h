#ifndef FDRPC_OS_STREAM_SOCKET_H_
#define FDRPC_OS_STREAM_SOCKET_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/unix_address.h"

namespace fdrpc {

// Connects a stream socket, non-blocking and close-on-exec. Never blocks:
// UNAVAILABLE if nobody listens there (no such socket, refused) or the
// listener's queue is full; other errors of connect(2) by their errno.
absl::StatusOr<UniqueFd> ConnectStream(const UnixAddress& address);

// A listening stream socket and the socket file that it made, if any, which is
// removed with it unless another has taken its place.
class StreamListener {
 public:
  // Replaces a socket file that nobody listens on. ALREADY_EXISTS if somebody
  // does, or if the path is something other than a socket.
  static absl::StatusOr<StreamListener> Listen(const UnixAddress& address);

  StreamListener(StreamListener&&) = default;
  StreamListener& operator=(StreamListener&&) = delete;
  ~StreamListener();

  struct Accepted {
    UniqueFd socket;  // empty if `error` is not 0
    int error = 0;    // errno of accept4(2); EAGAIN: nobody waits
  };
  // Does not block. The socket is non-blocking and close-on-exec.
  Accepted Accept() const;

  int fd() const { return fd_.get(); }

 private:
  StreamListener(UniqueFd fd, const UnixAddress& address);

  UniqueFd fd_;
  std::string path_;  // empty if abstract
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// INTERNAL if the kernel does not tell.
absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket);

}  // namespace fdrpc

#endif  // FDRPC_OS_STREAM_SOCKET_H_
