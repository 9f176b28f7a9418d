#ifndef FDRPC_SERVER_STATISTICS_H_
#define FDRPC_SERVER_STATISTICS_H_

#include <cstdint>
#include <iosfwd>

#include "fdrpc/internal/language.h"

namespace fdrpc {

// What a server has counted since it was made.
struct ServerStatistics {
  // One-way calls that came, and those of them that did not end well, of which
  // no client hears: the handler gave an error, or was not called, because the
  // method is not there or is a stream, the request is malformed or exceeds a
  // limit, or its client went before it was complete.
  uint64_t one_way_calls = 0;
  uint64_t one_way_errors = 0;
  // Datagrams that came to its datagram sockets and were dropped, because they
  // are no knock (docs/protocol.md, "Doors"): other bytes, anything but one end
  // of a pair, or an end that another process has made. Not those for which the
  // process has no descriptor left.
  uint64_t refused_knocks = 0;
};

void PrintTo(const ServerStatistics& statistics, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_SERVER_STATISTICS_H_
