#ifndef FDRPC_SERVER_CONNECTION_TIMEOUTS_H_
#define FDRPC_SERVER_CONNECTION_TIMEOUTS_H_

#include <memory>

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "fdrpc/server.h"
#include "loop/waker.h"
#include "server/draining_connections.h"
#include "server/server_connection.h"
#include "server/timeout_queue.h"

namespace fdrpc {

// The time-outs of a server's connections: for the handshake, for requests, for
// the age, and for being idle. For the polling thread.
class ConnectionTimeouts {
 public:
  // Wakes whoever calls Advance() when a new time-out passes.
  ConnectionTimeouts(const ServerOptions& options, Waker& waker,
                     const Clock& clock);

  // For a new connection.
  void Add(const std::shared_ptr<ServerConnection>& connection);
  // As ServerConnection::Host.
  void OnRequestIncomplete(ServerConnection& connection);
  void OnRingsBegun(ServerConnection& connection);

  // When the next one passes.
  MonotonicTime next() const;
  // Ends connections that are late; those that are old or idle go to
  // `draining`.
  void Advance(MonotonicTime now, DrainingConnections& draining);

 private:
  // So that nobody wakes up for completed handshakes, or remembers them.
  void DropHandshakes();

  Waker& waker_;
  const Clock& clock_;
  const absl::Duration request_timeout_;
  const absl::Duration max_age_grace_;
  TimeoutQueue handshakes_;
  TimeoutQueue requests_;  // of connections with incomplete requests
  TimeoutQueue ages_;
  TimeoutQueue rings_;  // of connections with rings in shared memory
  TimeoutQueue idles_;  // when to check each connection for idleness
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_TIMEOUTS_H_
