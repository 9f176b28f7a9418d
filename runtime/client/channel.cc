#include "fdrpc/channel.h"

#include <memory>
#include <optional>
#include <utility>

#include "client/channel_core.h"
#include "os/inherited_socket.h"
#include "os/stream_socket.h"
#include "os/unix_address.h"
#include "transport/stream_transport.h"

namespace fdrpc {

absl::StatusOr<Channel> Channel::Connect(std::string_view address,
                                         ChannelOptions options) {
  absl::StatusOr<std::optional<int>> number = ParseFdAddress(address);
  if (!number.ok()) return number.status();
  if (number->has_value()) {
    absl::StatusOr<UniqueFd> socket = TakeInheritedSocket(**number);
    if (!socket.ok()) return socket.status();
    return FromSocket(*std::move(socket), options);
  }
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

absl::StatusOr<Channel> Channel::FromSocket(UniqueFd socket,
                                            ChannelOptions options) {
  absl::Status usable = PrepareConnectedSocket(socket.get());
  if (!usable.ok()) return usable;
  auto connector = [only = std::make_shared<UniqueFd>(std::move(socket))]()
      -> absl::StatusOr<std::unique_ptr<Transport>> {
    if (!only->ok()) {
      return absl::FailedPreconditionError(
          "the channel was made of one connection, which has ended: make a new "
          "channel");
    }
    return StreamTransport::Create(std::move(*only));
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
