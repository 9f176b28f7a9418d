#ifndef FDRPC_SERVER_SERVER_COUNTERS_H_
#define FDRPC_SERVER_SERVER_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "server/handler_count.h"

namespace fdrpc {

// What the connections and calls of a server count.
struct ServerCounters {
  HandlerCount handlers;
  // As ServerStatistics has them.
  std::atomic<uint64_t> one_way_calls{0};
  std::atomic<uint64_t> one_way_errors{0};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_COUNTERS_H_
