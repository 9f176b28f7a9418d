#include "peer/client_channel.h"

#include <utility>

#include "client/channel_core.h"

namespace fdrpc {

Channel ClientChannel::Over(std::unique_ptr<Transport> transport,
                            std::shared_ptr<LoopCore> loop) {
  // Connectors can be copied.
  auto connector =
      [kept = std::make_shared<std::unique_ptr<Transport>>(std::move(
           transport))]() -> absl::StatusOr<std::unique_ptr<Transport>> {
    if (*kept == nullptr) {
      return absl::FailedPreconditionError(
          "the client's connection, on which it offered services, has ended");
    }
    return std::move(*kept);
  };
  const auto core = std::make_shared<ChannelCore>(
      std::move(connector), ChannelOptions(), std::move(loop));
  return Channel(core, {});
}

}  // namespace fdrpc
