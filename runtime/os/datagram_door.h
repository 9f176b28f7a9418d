#ifndef FDRPC_OS_DATAGRAM_DOOR_H_
#define FDRPC_OS_DATAGRAM_DOOR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// A datagram socket as a door (docs/protocol.md, "Doors"): a client makes a
// seqpacket pair and sends one end of it to the server's socket, in one
// datagram. The pair is the connection.

// For a client: knocks at the door that `socket`, a datagram socket, is
// connected to, and gives this side's end of the pair, non-blocking and
// close-on-exec. Does not wait for anybody: what is sent into the pair waits
// there. Empty if the door's queue is full, which it will not be for long where
// a server lives. UNAVAILABLE if that has gone; PERMISSION_DENIED if the door
// takes no descriptors; other errors by their errno. `address`: for messages.
absl::StatusOr<UniqueFd> Knock(int socket, const std::string& address);

// For a server, before it answers: has the kernel tell who knocks.
absl::Status PrepareDoor(int door);

struct Answered {
  UniqueFd socket;  // empty if `error` is not 0
  int error = 0;
};
// Takes the next datagram, without blocking, and gives the server's end of the
// pair, non-blocking and close-on-exec. Errors: EAGAIN if nobody knocks;
// EBADMSG if what came is no knock, and was dropped; EMFILE if this
// process could not take the descriptor, of which the client hears, since the
// pair ends; others of recvmsg(2).
//
// The end was made by the process that sent it, which the kernel vouches for,
// so that what it tells of the peer is true: nobody hands in a connection that
// another process has made, and so speaks in its name.
Answered AnswerKnock(int door);

}  // namespace fdrpc

#endif  // FDRPC_OS_DATAGRAM_DOOR_H_
