#ifndef FDRPC_SERVER_CONTEXT_H_
#define FDRPC_SERVER_CONTEXT_H_

#include <iosfwd>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/metadata.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/remote_peer.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

class ClientOffer;

// A handler's view of the call that it serves, and what it sends besides the
// reply. The runtime owns it; valid until the handler returns.
//
// Threads: IsCancelled(), cancellation_reason(), cancellation(), draining(),
// StopReading() and time_remaining() may be used from any thread, the rest only
// from the handler's.
class FDRPC_API ServerContext {
 public:
  virtual ~ServerContext() = default;

  // The metadata that the client sent with the call.
  virtual const Metadata& metadata() const = 0;
  // Nobody (no user, group or process) if the peer is remote.
  virtual const PeerCredentials& peer() const = 0;
  // The peer, if another process forwards the call for it; otherwise null. Its
  // messages bring and take no descriptors: a call whose messages have some
  // fails with FAILED_PRECONDITION.
  virtual const RemotePeer* remote_peer() const { return nullptr; }
  // A pidfd of the process that made the client's connection: readable once
  // that process has ended (pidfd_open(2)), even if another process holds the
  // connection by then, and for as long as the caller keeps it, also after the
  // call. Never of another process that has its number now (SO_PEERPIDFD, Linux
  // 6.5; UNIMPLEMENTED before). NOT_FOUND if the process has ended.
  virtual absl::StatusOr<UniqueFd> OpenPeerPidfd() const = 0;

  // The time until the client's deadline; negative after it has passed,
  // infinite without one.
  virtual absl::Duration time_remaining() const = 0;

  // Whether nobody waits for the reply any more: the client cancelled, its
  // deadline passed, its connection ended, or the server is past its drain
  // deadline. The handler's result is then dropped.
  virtual bool IsCancelled() const = 0;
  // The reason: CANCELLED by the client, also if it finds the deadline passed a
  // moment before the server does; DEADLINE_EXCEEDED; UNAVAILABLE if the
  // client's connection has ended, as when its process dies, or the server is
  // past its drain deadline. OK while the call is not cancelled.
  virtual absl::Status cancellation_reason() const = 0;
  // The same as a token, for std::stop_callback and interruptible waits. Stop
  // is requested a moment after the cancellation has arrived, by a thread of
  // the server that is not running a handler (or by the server's loop). So
  // callbacks may take locks that handlers hold, but should be as short as
  // handlers. When a deadline passes, IsCancelled() is true at once, and stop
  // is requested when the client's cancellation arrives.
  virtual std::stop_token cancellation() const = 0;

  // Stop is requested when the call should end: the server shuts down, or the
  // connection has reached its max_connection_age. Calls that have not ended
  // after drain_timeout, or max_connection_age_grace, are cancelled. Callbacks
  // run like those of cancellation(). Never requested without a server.
  virtual std::stop_token draining() const { return {}; }
  // Makes the call's Read(), including one that waits, find no more requests
  // than have arrived, as if the client had half-closed, so that the handler
  // ends the call in its usual way. For a callback of draining().
  virtual void StopReading() {}

  // Sent to the client, whatever the call's status: initial metadata with the
  // first reply, and trailing metadata with the status.
  virtual Metadata& headers() = 0;
  // Sends headers() at once, instead of with the first reply; they cannot
  // change after that. Further calls, and calls after a reply of a stream, do
  // nothing.
  virtual void SendHeaders() = 0;
  virtual Metadata& trailers() = 0;

  // For fdrpc::ChannelToClient(), which calls the services that the client
  // offers. Null without a server.
  virtual ClientOffer* client_offer() { return nullptr; }
};

FDRPC_API void PrintTo(const ServerContext& context, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONTEXT_H_
