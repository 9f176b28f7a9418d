#ifndef FDRPC_OS_SOCKET_LISTENER_H_
#define FDRPC_OS_SOCKET_LISTENER_H_

#include "absl/status/statusor.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/unique_fd.h"
#include "os/inherited_socket.h"
#include "os/local_socket.h"
#include "os/socket_file.h"
#include "os/unix_address.h"

namespace fdrpc {

// A socket that connections are made at, which is a listening stream or
// seqpacket socket or a datagram socket as a door, and its socket file, if it
// has one and owns it, which is removed with it.
class SocketListener {
 public:
  // Errors as SocketFile::Bind, and those of listen(2) by their errno.
  static absl::StatusOr<SocketListener> Listen(
      const UnixAddress& address, const ListenOptions& options = {});

  SocketListener(SocketListener&&) = default;
  SocketListener& operator=(SocketListener&&) = delete;

  // Takes over a listening socket that another process or a parent has made.
  // INVALID_ARGUMENT, with what it is instead, if it is no such socket. What
  // fails leaves it to the caller. `removes_file`: the socket file becomes this
  // one's, as far as SocketFile::TakeOver() finds it; else it is left to
  // whoever made it.
  static absl::StatusOr<SocketListener> TakeOver(InheritedSocket& socket,
                                                 bool removes_file);

  // Another descriptor of the socket, for a successor.
  absl::StatusOr<UniqueFd> Duplicate() const;
  // Leaves the socket file to a successor.
  void LeaveFile() { file_.Leave(); }

  struct Accepted {
    UniqueFd socket;  // empty if `error` is not 0
    // As of accept4(2), or AnswerKnock(). EAGAIN: nobody waits;
    // ECONNABORTED: who did does not any more.
    int error = 0;
  };
  // Does not block. The socket is non-blocking and close-on-exec.
  Accepted Accept() const;
  // The type of the sockets that it accepts.
  int accepted_type() const { return ConnectionType(type_); }

  int fd() const { return fd_.get(); }
  const SocketFile& file() const { return file_; }

 private:
  SocketListener(UniqueFd fd, int type, SocketFile file);

  UniqueFd fd_;
  int type_;
  SocketFile file_;  // goes first
};

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_LISTENER_H_
