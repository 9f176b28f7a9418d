#include "fdrpc/channel.h"

#include <utility>

#include "client/channel_core.h"
#include "os/stream_socket.h"
#include "os/unix_address.h"
#include "transport/stream_transport.h"

namespace fdrpc {

absl::StatusOr<Channel> Channel::Connect(std::string_view address,
                                         ChannelOptions options) {
  absl::StatusOr<UnixAddress> parsed = UnixAddress::Parse(address);
  if (!parsed.ok()) return parsed.status();
  auto connector =
      [server =
           *std::move(parsed)]() -> absl::StatusOr<std::unique_ptr<Transport>> {
    absl::StatusOr<UniqueFd> socket = ConnectStream(server);
    if (!socket.ok()) return socket.status();
    return StreamTransport::Create(*std::move(socket));
  };
  return Over(std::move(connector), options);
}

Channel Channel::Over(ChannelCore::Connector connector,
                      const ChannelOptions& options) {
  std::shared_ptr<LoopCore> loop;
  if (options.loop.has_value()) loop = options.loop->core_;
  auto core = std::make_shared<ChannelCore>(std::move(connector), options,
                                            std::move(loop));
  return Channel(Intercept(options.interceptors, core), core);
}

ChannelState Channel::state() const { return core_->state(); }

absl::Status Channel::WaitForReady(absl::Duration timeout) const {
  return core_->WaitForReady(timeout);
}

absl::StatusOr<ChannelStateWatch> Channel::WatchState(
    absl::AnyInvocable<void(ChannelState)> on_change) const {
  return core_->WatchState(std::move(on_change));
}

}  // namespace fdrpc
