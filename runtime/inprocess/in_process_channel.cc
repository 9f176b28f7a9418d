#include "fdrpc/in_process_channel.h"

#include "inprocess/in_process_connector.h"

namespace fdrpc {

absl::StatusOr<Channel> InProcessChannel(Server& server,
                                         ChannelOptions options) {
  return InProcessConnector::Open(server, options);
}

}  // namespace fdrpc
