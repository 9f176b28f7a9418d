#ifndef FDRPC_SERVER_DRAINING_CONNECTIONS_H_
#define FDRPC_SERVER_DRAINING_CONNECTIONS_H_

#include <memory>
#include <vector>

#include "base/monotonic_time.h"
#include "server/server_connection.h"

namespace fdrpc {

// The connections of a server that take no more calls, each until its calls
// have ended, or its time is over. For the polling thread.
class DrainingConnections {
 public:
  // Has a connection drain. What has not ended at `deadline` is cancelled.
  void Add(std::shared_ptr<ServerConnection> connection,
           MonotonicTime deadline);
  // At `deadline` all that are here are to have ended.
  void EndBy(MonotonicTime deadline);

  bool empty() const { return draining_.empty(); }
  // When there will be something to do though nothing happens.
  MonotonicTime next() const;
  // One step of each; those that are done with, or late, are closed. Calls that
  // are late get the reason: that the server ends, or else the connection.
  void Advance(MonotonicTime now, bool server_ends);

 private:
  struct Draining {
    std::shared_ptr<ServerConnection> connection;
    MonotonicTime deadline;
  };

  std::vector<Draining> draining_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_DRAINING_CONNECTIONS_H_
