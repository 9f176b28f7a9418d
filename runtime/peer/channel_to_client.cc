#include "fdrpc/channel_to_client.h"

#include <memory>
#include <utility>

#include "peer/client_channel.h"
#include "server/client_offer.h"

namespace fdrpc {

absl::StatusOr<Channel> ChannelToClient(ServerContext& context) {
  ClientOffer* const offer = context.client_offer();
  if (offer == nullptr) {
    return absl::FailedPreconditionError(
        "the client offers no services (ChannelOptions::offer)");
  }
  absl::StatusOr<ClientOffer::User> channel =
      offer->Open([](std::unique_ptr<Transport> transport,
                     const std::shared_ptr<LoopCore>& loop) {
        return std::make_shared<const Channel>(
            ClientChannel::Over(std::move(transport), loop));
      });
  if (!channel.ok()) return channel.status();
  return *std::static_pointer_cast<const Channel>(*std::move(channel));
}

}  // namespace fdrpc
