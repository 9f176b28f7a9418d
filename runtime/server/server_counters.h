#ifndef FDRPC_SERVER_SERVER_COUNTERS_H_
#define FDRPC_SERVER_SERVER_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "server/handler_count.h"

namespace fdrpc {

// Counters of a server's connections and calls.
struct ServerCounters {
  HandlerCount handlers;
  // That were made, including those that were refused.
  std::atomic<uint64_t> connections{0};
  // As in ServerStatistics.
  std::atomic<uint64_t> one_way_calls{0};
  std::atomic<uint64_t> one_way_errors{0};
  std::atomic<uint64_t> datagram_calls{0};
  std::atomic<uint64_t> dropped_replies{0};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_COUNTERS_H_
