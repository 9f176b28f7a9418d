#ifndef FDRPC_SERVER_DATAGRAM_REPLIES_H_
#define FDRPC_SERVER_DATAGRAM_REPLIES_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "connection/outgoing_datagram.h"
#include "os/ancillary.h"
#include "os/socket_name.h"
#include "server/answer_socket.h"

namespace fdrpc {

// Where the answer to a datagram goes.
struct DatagramSender {
  uid_t user = 0;
  SocketName name;
  // For one of a pair: the socket that the datagram came through.
  std::shared_ptr<AnswerSocket> pair;
};

// Sends the server's answers to datagrams, without waiting for anybody: an
// answer is sent at once or dropped.
//
// They do not come from the socket that clients send to. What a client has not
// received counts for the buffer of the socket that sent it (SO_SNDBUF), so a
// client that does not read could keep the server from answering all others.
// The socket that sends has no name, so that nobody can connect to it and have
// more in their queue than net.unix.max_dgram_qlen. If its buffer is full
// nevertheless, of what some clients have not read, each user gets a few
// sockets of its own, until that has been read: so what a user has not read is
// bounded, and keeps no other from its answers. Answers with descriptors always
// have a few sockets for each user, on which those in flight are counted: a
// few, because one client that does not read makes all of its socket's count.
// All of these are closed once everything has been received. On a pair, which
// has only the one socket, descriptors are counted, too.
//
// Threads: any.
class DatagramReplies {
 public:
  // `owner`: of the sockets, in the ForkLedger.
  explicit DatagramReplies(uint32_t owner) : owner_(owner) {}

  // Makes the socket for answers. Errors of socket(2).
  absl::Status Open() ABSL_LOCKS_EXCLUDED(mu_);

  enum class Outcome {
    kSent,
    kDropped,  // the client has gone, or does not read
    kRefused,  // because of the descriptors, or their number: see `why`
  };
  Outcome Send(const DatagramSender& to, const OutgoingDatagram& datagram,
               absl::Span<const AttachedFd> descriptors, absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using UserSockets = std::vector<std::shared_ptr<AnswerSocket>>;
  using SocketsOfUsers = absl::flat_hash_map<uid_t, UserSockets>;

  absl::StatusOr<std::shared_ptr<AnswerSocket>> NewSocket() const;
  IoResult SendPlain(const DatagramSender& to, const OutgoingDatagram& datagram)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The same while the common socket is full.
  IoResult SendFromOwn(const DatagramSender& to,
                       const OutgoingDatagram& datagram)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Sets `why` if the user has too many in flight.
  IoResult SendDescriptors(const DatagramSender& to,
                           const OutgoingDatagram& datagram, absl::Status& why)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Closes the sockets of which everything was received.
  static void CloseIdle(SocketsOfUsers& all);
  // The sockets of that user for descriptors. Closes idle ones: of this user
  // all but the first, and of all users if this is a new one.
  UserSockets& CountedSocketsOf(uid_t user) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const uint32_t owner_;

  Mutex mu_;
  std::shared_ptr<AnswerSocket> socket_ ABSL_GUARDED_BY(mu_);
  // For plain answers, while what is in the common socket was not received, and
  // for those with descriptors.
  SocketsOfUsers plain_ ABSL_GUARDED_BY(mu_);
  SocketsOfUsers counted_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_DATAGRAM_REPLIES_H_
