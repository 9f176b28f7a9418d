#ifndef FDRPC_CLIENT_CHANNEL_TARGET_H_
#define FDRPC_CLIENT_CHANNEL_TARGET_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace fdrpc {

// What a channel's calls go to, for the texts of statuses.
struct ChannelTarget {
  std::string name;  // an address; empty for a socket that was made elsewhere
  // Explains in more detail why there is no connection (UNAVAILABLE), for a
  // status that somebody will read. Null: that is reported unchanged.
  std::function<absl::Status(const absl::Status& failure)> explain;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_TARGET_H_
