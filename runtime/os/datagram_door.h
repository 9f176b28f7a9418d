#ifndef FDRPC_OS_DATAGRAM_DOOR_H_
#define FDRPC_OS_DATAGRAM_DOOR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

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

// For a server, before AnswerKnock(): asks the kernel to name the sender of
// each datagram.
absl::Status PrepareDoor(int door);

struct KnockResult {
  UniqueFd socket;  // empty if `error` is not 0
  int error = 0;
};
// For a server: takes the next datagram, without blocking, and returns the
// server's socket of the pair, non-blocking and close-on-exec. Errors: EAGAIN
// if the queue is empty; EBADMSG if the datagram was not a valid knock, and was
// dropped; EMFILE if this process could not take the descriptor (the client
// notices, because its pair ends); others of recvmsg(2).
//
// The socket must have been made by the process that sent it, which the kernel
// attests. So the peer credentials of the connection are true: no process can
// pass in a connection that another process made, and speak in its name.
KnockResult AnswerKnock(int door);

}  // namespace fdrpc

#endif  // FDRPC_OS_DATAGRAM_DOOR_H_
