#include "server/connection_sources.h"

#include <utility>
#include <variant>

#include "os/activation.h"
#include "os/fork_ledger.h"
#include "os/local_socket.h"
#include "os/socket_address.h"
#include "os/socket_listener.h"
#include "transport/socket_transport.h"

namespace fdrpc {

absl::Status ConnectionSources::Listen(std::string_view address,
                                       const ListenOptions& options) {
  absl::StatusOr<SocketAddress> parsed = ParseSocketAddress(address);
  if (!parsed.ok()) return parsed.status();
  const auto* const own = std::get_if<UnixAddress>(&*parsed);
  if (own == nullptr) {
    if (options.mode.has_value() || options.owner.has_value() ||
        options.group.has_value()) {
      return absl::InvalidArgumentError(
          "mode, owner and group are for a socket file that is made; an "
          "inherited socket has been made already");
    }
    const auto* const passed = std::get_if<SystemdAddress>(&*parsed);
    if (passed != nullptr) return ServePassed(passed->name);
    absl::StatusOr<InheritedSocket> socket =
        TakeInheritedSocket(std::get<FdAddress>(*parsed).number);
    if (!socket.ok()) return socket.status();
    absl::Status serves = ServeInherited(*socket);
    if (!serves.ok()) GiveBack(*std::move(socket));
    return serves;
  }
  const absl::StatusOr<Listeners::Watcher> watcher = open_();
  if (!watcher.ok()) return watcher.status();
  absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(*own, options);
  if (!listener.ok()) return listener.status();
  return listeners_.Add(*std::move(listener), *watcher);
}

absl::Status ConnectionSources::Listen(UniqueFd socket, bool removes_file) {
  absl::StatusOr<InheritedSocket> inspected = InspectSocket(std::move(socket));
  if (!inspected.ok()) return inspected.status();
  return ListenOn(*inspected, removes_file);
}

absl::Status ConnectionSources::ListenOn(InheritedSocket& socket,
                                         bool removes_file) {
  absl::StatusOr<SocketListener> listener =
      SocketListener::TakeOver(socket, removes_file);
  if (!listener.ok()) return listener.status();
  const absl::StatusOr<Listeners::Watcher> watcher = open_();
  if (!watcher.ok()) return watcher.status();
  return listeners_.Add(*std::move(listener), *watcher);
}

absl::Status ConnectionSources::ServePassed(std::string_view name) {
  // Before they are taken, which can be done only once.
  const absl::StatusOr<Listeners::Watcher> watcher = open_();
  if (!watcher.ok()) return watcher.status();
  absl::StatusOr<std::vector<InheritedSocket>> sockets =
      TakePassedSockets(name);
  if (!sockets.ok()) return sockets.status();
  for (InheritedSocket& socket : *sockets) {
    absl::Status serves = ServeInherited(socket);
    if (!serves.ok()) return serves;
  }
  return absl::OkStatus();
}

absl::Status ConnectionSources::ServeInherited(InheritedSocket& socket) {
  return socket.kind.listens ? ListenOn(socket, /*removes_file=*/false)
                             : ServeConnected(socket);
}

absl::Status ConnectionSources::ServeConnection(UniqueFd socket,
                                                GivenConnection given) {
  absl::StatusOr<InheritedSocket> inspected = InspectSocket(std::move(socket));
  if (!inspected.ok()) return inspected.status();
  return ServeConnected(*inspected, std::move(given));
}

absl::Status ConnectionSources::ServeConnected(InheritedSocket& socket,
                                               GivenConnection given) {
  absl::Status usable = PrepareConnectedSocket(socket);
  if (!usable.ok()) return usable;
  if (socket.kind.type == SOCK_DGRAM) return ServePair(socket);
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(socket.fd.get());
  if (!peer.ok()) return peer.status();
  const absl::StatusOr<Listeners::Watcher> watcher = open_();
  if (!watcher.ok()) return watcher.status();
  if (!lifecycle_.serves()) serves_given_ = true;
  return Connect({NewTransport(std::move(socket.fd), socket.kind.type), *peer,
                  std::move(given), /*may_have_rings=*/true});
}

absl::Status ConnectionSources::ServeOwnPair(UniqueFd socket,
                                             const PeerCredentials& peer,
                                             GivenConnection given,
                                             TransportRevoker* revoker) {
  NewConnection connection = {NewTransport(std::move(socket), SOCK_STREAM),
                              peer, std::move(given)};
  if (revoker != nullptr) {
    RevocableTransport made =
        RevocableTransport::Of(std::move(connection.transport));
    connection.transport = std::move(made.transport);
    *revoker = std::move(made.revoker);
  }
  return Connect(std::move(connection));
}

absl::Status ConnectionSources::ServePair(InheritedSocket& socket) {
  const absl::StatusOr<Listeners::Watcher> watcher = open_();
  if (!watcher.ok()) return watcher.status();
  absl::StatusOr<SocketListener> pair =
      SocketListener::OfPair(std::move(socket.fd));
  if (!pair.ok()) return pair.status();
  return listeners_.Add(*std::move(pair), *watcher);
}

absl::Status ConnectionSources::AcceptInProcess() {
  if (lifecycle_.serves()) return absl::OkStatus();
  const absl::StatusOr<Listeners::Watcher> watcher = open_();
  accepts_in_process_ = watcher.ok();
  return watcher.status();
}

absl::Status ConnectionSources::Connect(NewConnection connection) {
  {
    MutexLock lock(mu_);
    // Whoever shuts the server down drops what waits after that.
    if (lifecycle_.shutdown_deadline().has_value()) {
      return absl::UnavailableError("the server has shut down");
    }
    if (waiting_.size() >= most_waiting_) {
      return absl::UnavailableError("the server does not take connections yet");
    }
    waiting_.push_back(std::move(connection));
  }
  waker_.Wake();
  return absl::OkStatus();
}

bool ConnectionSources::any() const {
  return !listeners_.empty() || accepts_in_process_ || serves_given_;
}

bool ConnectionSources::exhausted() const {
  if (!serves_given_ || !listeners_.empty() || accepts_in_process_) {
    return false;
  }
  MutexLock lock(mu_);
  return waiting_.empty();
}

void ConnectionSources::Accept(uint64_t token,
                               absl::FunctionRef<void(NewConnection)> adopt) {
  listeners_.Accept(token, [&](UniqueFd socket, int type) {
    const absl::StatusOr<PeerCredentials> peer =
        GetPeerCredentials(socket.get());
    if (!peer.ok()) return;
    adopt({NewTransport(std::move(socket), type),
           *peer,
           {},
           /*may_have_rings=*/true});
  });
}

std::vector<ConnectionSources::NewConnection> ConnectionSources::TakeWaiting() {
  std::vector<NewConnection> taken;
  {
    MutexLock lock(mu_);
    taken.swap(waiting_);
  }
  if (lifecycle_.shutdown_deadline().has_value()) taken.clear();
  return taken;
}

std::unique_ptr<Transport> ConnectionSources::NewTransport(UniqueFd socket,
                                                           int type) {
  const int fd = socket.get();
  ForkLedger::Add(fd, owner_);
  return CreateSocketTransport(std::move(socket), type);
}

}  // namespace fdrpc
