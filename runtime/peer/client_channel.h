#ifndef FDRPC_PEER_CLIENT_CHANNEL_H_
#define FDRPC_PEER_CLIENT_CHANNEL_H_

#include <memory>

#include "fdrpc/channel.h"
#include "loop/loop_core.h"
#include "transport/transport.h"

namespace fdrpc {

// Makes the channel to a client's services.
class ClientChannel {
 public:
  // A channel over that one transport. `loop`: as that of ChannelCore.
  static Channel Over(std::unique_ptr<Transport> transport,
                      std::shared_ptr<LoopCore> loop);
};

}  // namespace fdrpc

#endif  // FDRPC_PEER_CLIENT_CHANNEL_H_
