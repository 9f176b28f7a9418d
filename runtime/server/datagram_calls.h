#ifndef FDRPC_SERVER_DATAGRAM_CALLS_H_
#define FDRPC_SERVER_DATAGRAM_CALLS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "connection/frame_builder.h"
#include "fdrpc/server.h"
#include "loop/reactor.h"
#include "loop/waker.h"
#include "os/ancillary.h"
#include "os/background_close.h"
#include "os/datagram_door.h"
#include "server/answer_socket.h"
#include "server/client_accounts.h"
#include "server/connection_account.h"
#include "server/datagram_replies.h"
#include "server/executor.h"
#include "server/handler_stop.h"
#include "server/incoming_call.h"
#include "server/kept_messages_check.h"
#include "server/server_counters.h"
#include "server/service_registry.h"
#include "wire/datagram.h"
#include "wire/open_header.h"

namespace fdrpc {

class DatagramOrigin;

// The calls of a server that arrive in datagrams (docs/protocol.md, "Calls in
// datagrams"): makes them, counts them for their users, and sends the answers.
// Between calls it keeps nothing of a client.
//
// Threads: any, except as noted.
class DatagramCalls {
 public:
  // What it uses of the server, which keeps it alive.
  struct Shared {
    const Clock& clock;
    const ServerOptions& options;
    const ServiceRegistry& registry;
    // The server's, which may choose others before it serves.
    const std::shared_ptr<Executor>& executor;
    const std::shared_ptr<Reactor>& reactor;
    ServerCounters& counters;
    KeptMessagesCheck& kept_messages;
    Waker& waker;
    const std::shared_ptr<ClientAccounts>& accounts;
  };
  // What calls of one user make the server hold, together: the limits of one
  // connection apply. Exists while the user has calls.
  struct User {
    User(const ServerOptions& options, std::unique_ptr<ClientShare> of)
        : share(std::move(of)), account(options, share.get()) {}

    const std::unique_ptr<ClientShare> share;
    ConnectionAccount account;
  };

  // `owner`: of its sockets, in the ForkLedger.
  DatagramCalls(const Shared& shared, uint32_t owner)
      : shared_(shared), replies_(owner) {}
  DatagramCalls(const DatagramCalls&) = delete;
  DatagramCalls& operator=(const DatagramCalls&) = delete;

  // Before datagrams come: makes what answers need.
  absl::Status Open() { return replies_.Open(); }

  // ---- for the polling thread

  // False if it is not a call. Calls keep `host`, which keeps this object.
  // `pair`: the socket through which it came, if that is one of a pair.
  bool Take(ReceivedDatagram& datagram, std::shared_ptr<AnswerSocket> pair,
            std::shared_ptr<const void> host) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether anything should be received: not while so many descriptors of one
  // sender wait to be closed that further ones could use up the process's. It
  // is not known before whose the next datagram is.
  bool MayReceive();

  // ---- for the server

  // The server shuts down: tells handlers, and wakes the polling thread when
  // the last call ends.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether no call is in progress. Ends those that are with `why` first, once
  // `deadline` has passed.
  bool Ended(bool late, const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  // ---- for calls

  const Shared& shared() const { return shared_; }
  HandlerStop& draining() { return draining_; }
  void Add(const DatagramOrigin& origin, std::shared_ptr<IncomingCall> call)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(const DatagramOrigin& origin) ABSL_LOCKS_EXCLUDED(mu_);
  // Sends an answer, or drops it.
  void Answer(const DatagramSender& to, const DatagramTag& tag,
              OutgoingFrames frames);

 private:
  // A call with its open frame, before it is made.
  struct Request {
    DatagramCall call;
    OpenHeader open;
    DatagramSender from;
    PeerCredentials peer;
    bool one_way() const { return (call.open.flags & kFlagOneWay) != 0; }
  };

  // Counts descriptors for their sender. RESOURCE_EXHAUSTED, until
  // MayReceive(), if too many of its wait to be closed.
  absl::Status NoteDescriptors(
      const ReceivedDescriptors& set,
      const absl::StatusOr<std::shared_ptr<User>>& sender);
  // INVALID_ARGUMENT if it is not a call.
  static absl::Status Decode(const ReceivedDatagram& datagram,
                             std::shared_ptr<AnswerSocket> pair,
                             Request& request);
  // Makes the call, unless the method or a limit prevents it.
  absl::Status Make(Request& request, std::shared_ptr<User> user,
                    std::shared_ptr<const void> host,
                    ReceivedDatagram& datagram);
  absl::StatusOr<std::shared_ptr<User>> UserOf(uid_t uid)
      ABSL_LOCKS_EXCLUDED(mu_);

  const Shared shared_;
  DatagramReplies replies_;
  HandlerStop draining_;

  // The polling thread's: the sender whose descriptors wait to be closed, and
  // those of senders that have no account, because the user may have no
  // connection.
  std::shared_ptr<User> closes_too_many_;
  const std::shared_ptr<PendingCloses> closes_of_others_ =
      std::make_shared<PendingCloses>();

  Mutex mu_;
  absl::flat_hash_map<uid_t, std::weak_ptr<User>> users_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<const DatagramOrigin*, std::shared_ptr<IncomingCall>>
      calls_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_DATAGRAM_CALLS_H_
