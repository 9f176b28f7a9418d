#include "fdrpc/channel.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/channel_core.h"
#include "os/connect_failure.h"
#include "os/inherited_socket.h"
#include "os/local_socket.h"
#include "os/socket_address.h"
#include "transport/socket_transport.h"

namespace fdrpc {
namespace {

// A connector that connects once, over that socket. After an error the caller
// still owns the socket.
absl::StatusOr<Reconnector::Connector> SingleUseConnector(
    InheritedSocket& socket) {
  absl::Status usable = PrepareConnectedSocket(socket);
  if (!usable.ok()) return usable;
  return [fd = std::make_shared<UniqueFd>(std::move(socket.fd)),
          type = socket.kind.type]()
             -> absl::StatusOr<std::unique_ptr<Transport>> {
    if (!fd->ok()) {
      return absl::FailedPreconditionError(
          "the channel was made of one connection, which has ended: make a new "
          "channel");
    }
    return CreateSocketTransport(std::move(*fd), type);
  };
}

// How to connect to an address, and how to explain a failure.
struct Route {
  Reconnector::Connector connector;
  Reconnector::Explainer explainer;  // or null
};

absl::StatusOr<Route> RouteTo(std::string_view address) {
  absl::StatusOr<SocketAddress> parsed = ParseSocketAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (std::holds_alternative<SystemdAddress>(*parsed)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "address \"", std::string(address),
        "\" is for servers only: it names sockets that a service manager has "
        "passed"));
  }
  if (const auto* inherited = std::get_if<FdAddress>(&*parsed)) {
    absl::StatusOr<InheritedSocket> socket =
        TakeInheritedSocket(inherited->number);
    if (!socket.ok()) return socket.status();
    absl::StatusOr<Reconnector::Connector> connector =
        SingleUseConnector(*socket);
    if (!connector.ok()) {
      GiveBack(*std::move(socket));
      return connector.status();
    }
    return Route{*std::move(connector), nullptr};
  }
  const auto& unix_address = std::get<UnixAddress>(*parsed);
  return Route{
      [server = unix_address]() -> absl::StatusOr<std::unique_ptr<Transport>> {
        absl::StatusOr<UniqueFd> socket = ConnectSocket(server);
        if (!socket.ok()) return socket.status();
        if (!socket->ok()) return nullptr;
        return CreateSocketTransport(*std::move(socket),
                                     ConnectionType(server.type()));
      },
      [server = unix_address](const absl::Status& failure) {
        return ExplainNoListener(server, failure);
      }};
}

}  // namespace

absl::StatusOr<Channel> Channel::Connect(std::string_view address,
                                         ChannelOptions options) {
  absl::Status loop_usable = CheckLoop(options);
  if (!loop_usable.ok()) return loop_usable;
  absl::StatusOr<Route> route = RouteTo(address);
  if (!route.ok()) return route.status();
  Channel channel = Over(std::move(route->connector), options);
  channel.core_->ExplainWith(std::move(route->explainer));
  return channel;
}

absl::StatusOr<Channel> Channel::FromSocket(UniqueFd socket,
                                            ChannelOptions options) {
  absl::Status loop_usable = CheckLoop(options);
  if (!loop_usable.ok()) return loop_usable;
  absl::StatusOr<InheritedSocket> inspected = InspectSocket(std::move(socket));
  if (!inspected.ok()) return inspected.status();
  absl::StatusOr<Reconnector::Connector> connector =
      SingleUseConnector(*inspected);
  if (!connector.ok()) return connector.status();
  return Over(*std::move(connector), options);
}

absl::Status Channel::CheckLoop(const ChannelOptions& options) {
  return options.loop.has_value() ? options.loop->core_->CheckProcess()
                                  : absl::OkStatus();
}

Channel Channel::Over(Reconnector::Connector connector,
                      const ChannelOptions& options) {
  std::shared_ptr<LoopCore> loop;
  if (options.loop.has_value()) loop = options.loop->core_;
  auto core = std::make_shared<ChannelCore>(std::move(connector), options,
                                            std::move(loop));
  return Channel(Intercept(options.interceptors, core), core);
}

ChannelState Channel::state() const { return core_->state(); }

absl::Status Channel::WaitForReady(Timeout timeout) const {
  return core_->WaitForReady(timeout);
}

absl::StatusOr<ChannelStateWatch> Channel::WatchState(
    absl::AnyInvocable<void(ChannelState)> on_change) const {
  return core_->WatchState(std::move(on_change));
}

}  // namespace fdrpc
