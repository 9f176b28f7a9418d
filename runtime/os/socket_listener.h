#ifndef FDRPC_OS_SOCKET_LISTENER_H_
#define FDRPC_OS_SOCKET_LISTENER_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/unique_fd.h"
#include "os/datagram_door.h"
#include "os/inherited_socket.h"
#include "os/local_socket.h"
#include "os/socket_file.h"
#include "os/unix_address.h"

namespace fdrpc {

// A socket that accepts connections: a listening stream or seqpacket socket, or
// a datagram socket as a door, which may also receive calls. Also owns its
// socket file, if it has one, and removes it. A socket of a datagram pair is
// one, too, though it only receives calls.
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

  // The same for one socket of a datagram pair, which is non-blocking and
  // close-on-exec (PrepareConnectedSocket()).
  static absl::StatusOr<SocketListener> OfPair(UniqueFd socket);

  // Another descriptor of the socket, for a successor.
  absl::StatusOr<UniqueFd> Duplicate() const;
  // Leaves the socket file to a successor.
  void LeaveFile() {
    file_.Leave();
    if (!is_pair()) origin_ = Origin::kOthers;
  }

  struct AcceptResult {
    UniqueFd socket;  // empty if `error` is not 0
    // As accept4(2), ReceiveDatagram() or AnswerKnock(). EAGAIN: no connection
    // is waiting; ECONNABORTED: the client has gone.
    int error = 0;
  };
  // Does not block. The new socket is non-blocking and close-on-exec.
  AcceptResult Accept() const;
  // The same for a datagram socket. After EBADMSG, `datagram` is what has
  // arrived instead of a knock.
  AcceptResult Accept(absl::Span<char> buffer,
                      ReceivedDatagram& datagram) const;
  bool receives_datagrams() const { return type_ == SOCK_DGRAM; }
  // Whether it is one of a pair.
  bool is_pair() const { return origin_ == Origin::kPair; }
  // Refuses further datagrams, so that their senders learn that nobody will
  // read them; those in the queue stay. Not of a socket that others go on
  // using, such as a service manager's, or after LeaveFile(). False then.
  bool EndReceiving() const;
  // The type of the sockets that it accepts.
  int accepted_type() const { return ConnectionType(type_); }

  int fd() const { return fd_.get(); }
  const SocketFile& file() const { return file_; }

 private:
  // Whose the socket is.
  enum class Origin { kOwn, kOthers, kPair };

  SocketListener(UniqueFd fd, int type, SocketFile file, Origin origin);

  UniqueFd fd_;
  int type_;
  Origin origin_;
  SocketFile file_;  // destroyed first
};

}  // namespace fdrpc

#endif  // FDRPC_OS_SOCKET_LISTENER_H_
