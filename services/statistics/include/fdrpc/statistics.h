#ifndef FDRPC_STATISTICS_H_
#define FDRPC_STATISTICS_H_

#include <sys/types.h>

#include <vector>

#include "fdrpc/server.h"

namespace fdrpc {

struct StatisticsOptions {
  // The server that is told about; it has to exist as long as the one that
  // serves. Null: that one itself. On a server of its own, with a socket of its
  // own, the service is only for those who can connect to that.
  Server* of = nullptr;
  // The users who may ask (PeerCredentials::uid); others get PERMISSION_DENIED.
  // Empty: root and the user of the server's process, because the reply names
  // all clients.
  std::vector<uid_t> users = {};
};

// Makes `server` serve fdrpc.statistics.v1.Statistics: its connections with
// their processes, what its users hold of which limits, and its calls with
// their latencies. Its calls are counted from then on, which costs two looks at
// the clock and a few additions for each. Before either server serves.
void EnableStatistics(Server& server, StatisticsOptions options = {});

}  // namespace fdrpc

#endif  // FDRPC_STATISTICS_H_
