#ifndef FDRPC_CHANNEL_STATISTICS_H_
#define FDRPC_CHANNEL_STATISTICS_H_

#include <cstdint>
#include <iosfwd>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

// What a channel holds at present. Each number is 0 again when its calls have
// ended, their messages have been read, and what nobody took is closed.
struct ChannelStatistics {
  // Connections with calls, or for new ones. A connectionless channel has none.
  uint64_t connections = 0;
  // What waits to be written, because the server does not read or has not said
  // hello: bytes with the frames' headers, and descriptors.
  uint64_t queued_bytes = 0;
  uint64_t queued_descriptors = 0;
  // Descriptors that were written and that the server has not received. An
  // upper bound while a connection lasts: it is brought up to date when more
  // are to be written. A connectionless channel does not know it.
  uint64_t in_flight_descriptors = 0;
  // Descriptors that have arrived in messages that nobody has read yet.
  uint64_t unread_descriptors = 0;
  // Descriptors of the server that wait to be closed by another thread, because
  // that may block. Beyond a quarter of RLIMIT_NOFILE the channel receives
  // nothing more: its connection and calls end with RESOURCE_EXHAUSTED.
  uint64_t closing_descriptors = 0;
};

FDRPC_API void PrintTo(const ChannelStatistics& statistics, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_CHANNEL_STATISTICS_H_
