#ifndef FDRPC_SERVER_CONNECTION_TIMEOUTS_H_
#define FDRPC_SERVER_CONNECTION_TIMEOUTS_H_

#include <memory>

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "fdrpc/server.h"
#include "server/draining_connections.h"
#include "server/server_connection.h"
#include "server/timeout_queue.h"

namespace fdrpc {

// The time-outs of a server's connections: for the handshake, for requests, for
// the age, and for being idle. Runs no timer: the polling thread, which alone
// uses this class, asks for next().
class ConnectionTimeouts {
 public:
  ConnectionTimeouts(const ServerOptions& options, const Clock& clock);

  // For a new connection.
  void Add(const std::shared_ptr<ServerConnection>& connection);
  // As ServerConnection::Host.
  void OnRequestIncomplete(ServerConnection& connection);

  MonotonicTime next() const;
  // Ends connections that are late; those that are old or idle go to
  // `draining`.
  void Advance(MonotonicTime now, DrainingConnections& draining);

 private:
  const Clock& clock_;
  const absl::Duration request_timeout_;
  const absl::Duration max_age_grace_;
  TimeoutQueue handshakes_;
  TimeoutQueue requests_;  // of connections with incomplete requests
  TimeoutQueue ages_;
  TimeoutQueue idles_;  // when to check each connection for idleness
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_TIMEOUTS_H_
