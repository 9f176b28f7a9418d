#ifndef FDRPC_OS_DATAGRAM_DOOR_H_
#define FDRPC_OS_DATAGRAM_DOOR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/unique_fd.h"
#include "os/ancillary.h"
#include "os/socket_name.h"

namespace fdrpc {

// Connecting through a datagram socket (docs/protocol.md, "Doors"). The
// server's datagram socket is a door. A client knocks: it makes a seqpacket
// pair and sends one of its sockets to the door in one datagram. The pair is
// the connection.

// For a client: knocks at the door that the datagram socket `socket` is
// connected to. Returns this side's socket of the pair, non-blocking and
// close-on-exec. It does not wait for the server; what is sent into the pair
// waits there. Empty if the door's queue is full, which passes soon if the
// server runs. UNAVAILABLE if the door is closed; PERMISSION_DENIED if it takes
// no descriptors; other errors by their errno. `address` is for messages.
absl::StatusOr<UniqueFd> Knock(int socket, const std::string& address);

// For a server, before ReceiveDatagram(): asks the kernel to name the sender of
// each datagram.
absl::Status PrepareDoor(int door);

// A datagram that a server's socket has received. The bytes are borrowed from
// the buffer.
struct ReceivedDatagram {
  std::string_view bytes;
  bool cut_off = false;  // it is longer than the buffer
  ReceivedDescriptors set;
  SocketName from;
};
// Takes the next datagram, without blocking. Returns 0, or the errno of
// recvmsg(2); EAGAIN if the queue is empty.
int ReceiveDatagram(int socket, absl::Span<char> buffer,
                    ReceivedDatagram& datagram);

struct KnockResult {
  UniqueFd socket;  // empty if `error` is not 0
  int error = 0;
};
// For a server: takes the server's socket of the pair out of a knock,
// non-blocking and close-on-exec. Errors: EBADMSG if the datagram is not a
// valid knock; EMFILE if this process could not take the descriptor (the client
// notices, because its pair ends).
//
// The socket must have been made by the process that sent it, which the kernel
// attests. So the peer credentials of the connection are true: no process can
// pass in a connection that another process made, and speak in its name.
KnockResult AnswerKnock(ReceivedDatagram& datagram);

}  // namespace fdrpc

#endif  // FDRPC_OS_DATAGRAM_DOOR_H_
