#include "fdrpc/channel.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/channel_core.h"
#include "client/datagram_channel.h"
#include "os/connect_failure.h"
#include "os/datagram_socket.h"
#include "os/inherited_socket.h"
#include "os/local_socket.h"
#include "os/socket_address.h"
#include "transport/ring_policy.h"
#include "transport/socket_transport.h"
#include "wire/datagram.h"

namespace fdrpc {
namespace {

// A connector that connects once, over that socket. After an error the caller
// still owns the socket.
absl::StatusOr<Reconnector::Connector> SingleUseConnector(
    InheritedSocket& socket, const RingPolicy& rings) {
  absl::Status usable = PrepareConnectedSocket(socket);
  if (!usable.ok()) return usable;
  return [fd = std::make_shared<UniqueFd>(std::move(socket.fd)),
          type = socket.kind.type,
          rings]() -> absl::StatusOr<std::unique_ptr<Transport>> {
    if (!fd->ok()) {
      return absl::FailedPreconditionError(
          "the channel was made of one connection, which has ended: make a new "
          "channel");
    }
    return rings.Apply(CreateSocketTransport(std::move(*fd), type),
                       Side::kClient);
  };
}

// A channel's implementation over one inherited socket, whose address is `name`
// if it has one. After an error the caller still owns the socket.
absl::StatusOr<std::shared_ptr<ChannelBase>> CoreOf(
    InheritedSocket& socket, std::string_view name,
    const ChannelOptions& options, std::shared_ptr<LoopCore> loop) {
  ChannelTarget target = {.name = std::string(name), .explain = nullptr};
  const bool datagrams = socket.kind.type == SOCK_DGRAM;
  if (options.connectionless && !datagrams) {
    return absl::InvalidArgumentError(absl::StrCat(
        "descriptor ", socket.fd.get(),
        " is not a datagram socket, which ChannelOptions::connectionless "
        "needs"));
  }
  if (!datagrams) {
    absl::StatusOr<Reconnector::Connector> connector =
        SingleUseConnector(socket, RingPolicy(options));
    if (!connector.ok()) return connector.status();
    return std::make_shared<ChannelCore>(*std::move(connector), options,
                                         std::move(loop), Clock::Real(),
                                         std::move(target));
  }
  absl::Status usable = PrepareConnectedSocket(socket);
  if (!usable.ok()) return usable;
  return std::make_shared<DatagramChannel>(
      [fd = std::make_shared<UniqueFd>(std::move(socket.fd))](uint64_t) {
        return DatagramSocket::OfPair(std::move(*fd));
      },
      options, std::move(loop), Clock::Real(), std::move(target));
}

// The same over connections or datagrams to an address.
std::shared_ptr<ChannelBase> CoreTo(const UnixAddress& server,
                                    const ChannelOptions& options,
                                    std::shared_ptr<LoopCore> loop) {
  ChannelTarget target = {.name = server.text(),
                          .explain = [server](const absl::Status& failure) {
                            return ExplainNoListener(server, failure);
                          }};
  if (options.connectionless) {
    return std::make_shared<DatagramChannel>(
        [server](uint64_t key) {
          return DatagramSocket::Create(server, kDatagramAnswerMagic, key,
                                        kDatagramKeyOffset);
        },
        options, std::move(loop), Clock::Real(), std::move(target));
  }
  return std::make_shared<ChannelCore>(
      [server, rings = RingPolicy(
                   options)]() -> absl::StatusOr<std::unique_ptr<Transport>> {
        absl::StatusOr<UniqueFd> socket = ConnectSocket(server);
        if (!socket.ok()) return socket.status();
        if (!socket->ok()) return nullptr;
        return rings.Apply(CreateSocketTransport(*std::move(socket),
                                                 ConnectionType(server.type())),
                           Side::kClient);
      },
      options, std::move(loop), Clock::Real(), std::move(target));
}

}  // namespace

Channel::Channel(std::shared_ptr<ChannelBase> core,
                 const ChannelOptions& options)
    : caller_(Intercept(options.interceptors, core)), core_(std::move(core)) {}

absl::StatusOr<Channel> Channel::Connect(std::string_view address,
                                         ChannelOptions options) {
  absl::Status usable_options = CheckOptions(options);
  if (!usable_options.ok()) return usable_options;
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
    absl::StatusOr<std::shared_ptr<ChannelBase>> core =
        CoreOf(*socket, address, options, LoopOf(options));
    if (!core.ok()) {
      GiveBack(*std::move(socket));
      return core.status();
    }
    return Channel(*std::move(core), options);
  }
  const auto& server = std::get<UnixAddress>(*parsed);
  if (options.connectionless && server.type() != SOCK_DGRAM) {
    return absl::InvalidArgumentError(
        absl::StrCat("address \"", std::string(address),
                     "\": ChannelOptions::connectionless needs the scheme "
                     "\"unix-dgram:\""));
  }
  return Channel(CoreTo(server, options, LoopOf(options)), options);
}

absl::StatusOr<Channel> Channel::FromSocket(UniqueFd socket,
                                            ChannelOptions options) {
  absl::Status usable_options = CheckOptions(options);
  if (!usable_options.ok()) return usable_options;
  absl::StatusOr<InheritedSocket> inspected = InspectSocket(std::move(socket));
  if (!inspected.ok()) return inspected.status();
  absl::StatusOr<std::shared_ptr<ChannelBase>> core =
      CoreOf(*inspected, "", options, LoopOf(options));
  if (!core.ok()) return core.status();
  return Channel(*std::move(core), options);
}

std::shared_ptr<LoopCore> Channel::LoopOf(const ChannelOptions& options) {
  return options.loop.has_value() ? options.loop->core_ : nullptr;
}

absl::Status Channel::CheckOptions(const ChannelOptions& options) {
  if (options.connectionless && options.offer != nullptr) {
    return absl::InvalidArgumentError(
        "ChannelOptions::offer is for channels with connections, and "
        "ChannelOptions::connectionless has none");
  }
  return options.loop.has_value() ? options.loop->core_->CheckProcess()
                                  : absl::OkStatus();
}

Channel Channel::Over(Reconnector::Connector connector,
                      const ChannelOptions& options) {
  return Channel(std::make_shared<ChannelCore>(std::move(connector), options,
                                               LoopOf(options)),
                 options);
}

ChannelState Channel::state() const { return core_->state(); }

bool Channel::uses_rings() const { return core_->uses_rings(); }

ChannelStatistics Channel::statistics() const { return core_->statistics(); }

void PrintTo(const ChannelStatistics& statistics, std::ostream* to) {
  *to << statistics.connections << " connections, " << statistics.queued_bytes
      << " bytes and " << statistics.queued_descriptors
      << " descriptors queued, " << statistics.in_flight_descriptors
      << " descriptors in flight, " << statistics.unread_descriptors
      << " unread, " << statistics.closing_descriptors << " to be closed";
}

absl::Status Channel::WaitForReady(Timeout timeout) const {
  return core_->WaitForReady(timeout);
}

absl::StatusOr<ChannelStateWatch> Channel::WatchState(
    absl::AnyInvocable<void(ChannelState)> on_change) const {
  return core_->WatchState(std::move(on_change));
}

}  // namespace fdrpc
