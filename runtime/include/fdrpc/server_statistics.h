#ifndef FDRPC_SERVER_STATISTICS_H_
#define FDRPC_SERVER_STATISTICS_H_

#include <cstdint>
#include <iosfwd>

#include "fdrpc/internal/language.h"

namespace fdrpc {

// What a server has counted since it was made.
struct ServerStatistics {
  // One-way calls that have arrived, and those that failed, of which no client
  // is told: the handler returned an error, or was not called, because the
  // method does not exist or has a stream, the request is malformed or exceeds
  // a limit, or the client was gone before it was complete.
  uint64_t one_way_calls = 0;
  uint64_t one_way_errors = 0;
  // Datagrams that its datagram sockets have received and dropped, because they
  // are not valid knocks (docs/protocol.md, "Doors"): other bytes, anything but
  // one socket of a pair, or a socket that another process has made. Not those
  // for which the process had no free descriptor.
  uint64_t refused_knocks = 0;
};

void PrintTo(const ServerStatistics& statistics, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_SERVER_STATISTICS_H_
