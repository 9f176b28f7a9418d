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

// A socket that accepts connections: a listening stream or seqpacket socket, or
// a datagram socket as a door. Also owns its socket file, if it has one, and
// removes it.
class SocketListener {
 public:
  // Errors of SocketFile::Bind(), and those of listen(2) by their errno.
  static absl::StatusOr<SocketListener> Listen(
      const UnixAddress& address, const ListenOptions& options = {});

  SocketListener(SocketListener&&) = default;
  SocketListener& operator=(SocketListener&&) = delete;

  // Takes over a listening socket that another process made. INVALID_ARGUMENT,
  // which says what it is, for any other descriptor. After an error the caller
  // still owns it. `removes_file`: the listener owns the socket file, if
  // SocketFile::TakeOver() finds it; otherwise the file is left alone.
  static absl::StatusOr<SocketListener> TakeOver(InheritedSocket& socket,
                                                 bool removes_file);

  // Another descriptor of the socket, for a successor.
  absl::StatusOr<UniqueFd> Duplicate() const;
  // Leaves the socket file to a successor.
  void LeaveFile() { file_.Leave(); }

  struct AcceptResult {
    UniqueFd socket;  // empty if `error` is not 0
    // As accept4(2) or AnswerKnock(). EAGAIN: no connection is waiting;
    // ECONNABORTED: the client has gone.
    int error = 0;
  };
  // Does not block. The new socket is non-blocking and close-on-exec.
  AcceptResult Accept() const;
  // The type of the sockets that it accepts.
  int accepted_type() const { return ConnectionType(type_); }

  int fd() const { return fd_.get(); }
  const SocketFile& file() const { return file_; }

 private:
  SocketListener(UniqueFd fd, int type, SocketFile file);

  UniqueFd fd_;
  int type_;
  SocketFile file_;  // destroyed first
};

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_LISTENER_H_
