#ifndef FDRPC_SERVER_DRAINING_CONNECTIONS_H_
#define FDRPC_SERVER_DRAINING_CONNECTIONS_H_

#include <memory>
#include <vector>

#include "base/monotonic_time.h"
#include "server/server_connection.h"

namespace fdrpc {

// The connections of a server that accept no more calls, until their calls have
// ended or their time is over. For the polling thread.
class DrainingConnections {
 public:
  // Drains a connection. What has not ended at `deadline` is cancelled.
  void Add(std::shared_ptr<ServerConnection> connection,
           MonotonicTime deadline);
  // All connections that are here must have ended at `deadline`.
  void EndBy(MonotonicTime deadline);

  bool empty() const { return draining_.empty(); }
  // When there will be something to do even if nothing happens.
  MonotonicTime next() const;
  // Makes one step for each connection, and closes those that are done or late.
  // Late calls get the reason: the end of the server, or of the connection.
  void Advance(MonotonicTime now, bool server_ends);

 private:
  struct DrainingConnection {
    std::shared_ptr<ServerConnection> connection;
    MonotonicTime deadline;
  };

  std::vector<DrainingConnection> draining_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_DRAINING_CONNECTIONS_H_
