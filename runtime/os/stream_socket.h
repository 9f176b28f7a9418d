#ifndef FDRPC_OS_STREAM_SOCKET_H_
#define FDRPC_OS_STREAM_SOCKET_H_

#include "absl/status/statusor.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/socket_file.h"
#include "os/unix_address.h"

namespace fdrpc {

// Connects a stream socket, non-blocking and close-on-exec. Never blocks:
// UNAVAILABLE if nobody listens there (no such socket, refused) or the
// listener's queue is full; other errors of connect(2) by their errno.
absl::StatusOr<UniqueFd> ConnectStream(const UnixAddress& address);

// A listening stream socket and its socket file, if it has one and owns it,
// which is removed with it.
class StreamListener {
 public:
  // Errors as SocketFile::Bind, and those of listen(2) by their errno.
  static absl::StatusOr<StreamListener> Listen(
      const UnixAddress& address, const ListenOptions& options = {});

  StreamListener(StreamListener&&) = default;
  StreamListener& operator=(StreamListener&&) = delete;

  // Takes over a listening socket that another process or a parent has made.
  // INVALID_ARGUMENT, with what it is instead, if it is not a listening stream
  // socket of the Unix domain. `removes_file`: the socket file becomes this
  // one's, as far as SocketFile::TakeOver() finds it; else it is left to
  // whoever made it.
  static absl::StatusOr<StreamListener> TakeOver(UniqueFd fd,
                                                 bool removes_file);

  // Another descriptor of the socket, for a successor.
  absl::StatusOr<UniqueFd> Duplicate() const;
  // Leaves the socket file to a successor.
  void LeaveFile() { file_.Leave(); }

  struct Accepted {
    UniqueFd socket;  // empty if `error` is not 0
    int error = 0;    // errno of accept4(2); EAGAIN: nobody waits
  };
  // Does not block. The socket is non-blocking and close-on-exec.
  Accepted Accept() const;

  int fd() const { return fd_.get(); }

 private:
  StreamListener(UniqueFd fd, SocketFile file);

  UniqueFd fd_;
  SocketFile file_;  // goes first
};

// A pidfd of the process at the other end, of which `peer` is known, as
// ServerContext::OpenPeerPidfd.
absl::StatusOr<UniqueFd> OpenPeerPidfd(int socket, const PeerCredentials& peer);

// INTERNAL if the kernel does not tell.
absl::StatusOr<PeerCredentials> GetPeerCredentials(int socket);
// What that would tell a peer of this process.
PeerCredentials OwnCredentials();

}  // namespace fdrpc

#endif  // FDRPC_OS_STREAM_SOCKET_H_
