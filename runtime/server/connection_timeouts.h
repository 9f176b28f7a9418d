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

// What each connection of a server has a time for: its handshake, the requests
// that it begins, its age, and how long it may be idle. Runs no timer: the
// thread that polls, whose all of this is, asks for next().
class ConnectionTimeouts {
 public:
  ConnectionTimeouts(const ServerOptions& options, const Clock& clock);

  // For a connection that begins.
  void Add(const std::shared_ptr<ServerConnection>& connection);
  // As ServerConnection::Host has it.
  void OnRequestIncomplete(ServerConnection& connection);

  MonotonicTime next() const;
  // Ends those that are late; those that are old or idle go to `draining`.
  void Advance(MonotonicTime now, DrainingConnections& draining);

 private:
  const Clock& clock_;
  const absl::Duration request_timeout_;
  const absl::Duration max_age_grace_;
  TimeoutQueue handshakes_;
  TimeoutQueue requests_;  // of connections with incomplete ones
  TimeoutQueue ages_;
  TimeoutQueue idles_;  // the next look at whether each is idle
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_TIMEOUTS_H_
