#ifndef FDRPC_SERVER_STATISTICS_H_
#define FDRPC_SERVER_STATISTICS_H_

#include <cstdint>
#include <iosfwd>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

// What a server has counted since it was made, and what its clients make it
// hold at present.
struct ServerStatistics {
  // One-way calls that have arrived, and those that failed, of which no client
  // is told: the handler returned an error, or was not called, because the
  // method does not exist or has a stream, the request is malformed or exceeds
  // a limit, or the client was gone before it was complete.
  uint64_t one_way_calls = 0;
  uint64_t one_way_errors = 0;
  // Calls that have arrived in datagrams (docs/guide/datagrams.md), including
  // one-way calls and those that were refused.
  uint64_t datagram_calls = 0;
  // Replies to them that were dropped, because the client had gone, did not
  // read, or could not receive them.
  uint64_t dropped_replies = 0;
  // Datagrams that its datagram sockets have received and dropped, because they
  // are neither a call (docs/protocol.md, "Calls in datagrams") nor a valid
  // knock ("Doors"): other bytes, anything but one socket of a pair, or a
  // socket that another process has made. Not those for which the process had
  // no free descriptor.
  uint64_t refused_knocks = 0;

  // At present. Each is 0 again when the clients have gone, the handlers of
  // their calls have returned, and what they sent is closed. ServerOptions has
  // the limits.
  //
  // Connections, including those that have ended while handlers of their calls
  // still run. A user with calls in datagrams counts as one while they last.
  uint64_t connections = 0;
  // Those that use rings in shared memory, and the bytes of these, of both
  // sides.
  uint64_t ring_connections = 0;
  uint64_t ring_bytes = 0;
  // Requests: serialised bytes with metadata, and descriptors, from the arrival
  // of the whole message until the handler has ended or, in a stream, has read
  // it.
  uint64_t request_bytes = 0;
  uint64_t request_descriptors = 0;
  // Descriptors of replies that wait to be written, and those that were written
  // and that the client has not received. The latter is an upper bound while a
  // connection lasts: it is brought up to date when more are to be written.
  uint64_t queued_descriptors = 0;
  uint64_t in_flight_descriptors = 0;
  // Descriptors of clients that wait to be closed by another thread, because
  // that may block, including the sockets of connections with such in them.
  uint64_t closing_descriptors = 0;
};

FDRPC_API void PrintTo(const ServerStatistics& statistics, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_SERVER_STATISTICS_H_
