#include "server/server_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "os/activation.h"
#include "os/descriptor_flight.h"
#include "os/inherited_socket.h"
#include "os/open_files.h"
#include "os/process_exit.h"
#include "os/unix_address.h"
#include "server/loop_executor.h"
#include "transport/socket_transport.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// Clients rely on what the protocol guarantees before they know the rest.
ServerOptions AtLeastGuaranteed(ServerOptions options) {
  options.max_request_bytes =
      std::max(options.max_request_bytes, kGuaranteedMessageBytes);
  options.max_request_descriptors =
      std::max(options.max_request_descriptors, kGuaranteedDescriptors);
  options.max_calls_per_connection =
      std::max(options.max_calls_per_connection, kGuaranteedCalls);
  options.stream_window_bytes = std::clamp(options.stream_window_bytes,
                                           kGuaranteedCreditBytes, kMaxCredit);
  options.stream_window_descriptors =
      std::clamp(options.stream_window_descriptors,
                 kGuaranteedCreditDescriptors, kMaxCredit);
  options.max_threads = std::max(options.max_threads, 2);
  for (absl::Duration* idle :
       {&options.idle_timeout, &options.max_connection_idle}) {
    *idle = std::max(*idle, absl::Milliseconds(1));
  }
  return options;
}

}  // namespace

ServerCore::ServerCore(const ServerOptions& options)
    : options_(AtLeastGuaranteed(options)),
      listeners_(kFirstListenerToken, ledger_owner_),
      busy_poll_(options_.max_busy_poll),
      next_token_(kFirstConnectionToken) {}

absl::Status ServerCore::Listen(std::string_view address,
                                const ListenOptions& options) {
  absl::StatusOr<std::optional<int>> number = ParseFdAddress(address);
  if (!number.ok()) return number.status();
  const std::optional<std::string_view> passed = ParseSystemdAddress(address);
  if (number->has_value() || passed.has_value()) {
    if (options.mode.has_value() || options.owner.has_value() ||
        options.group.has_value()) {
      return absl::InvalidArgumentError(
          "mode, owner and group are for a socket file that is made; an "
          "inherited socket has been made already");
    }
    if (passed.has_value()) return ServePassed(*passed);
    absl::StatusOr<InheritedSocket> socket = TakeInheritedSocket(**number);
    if (!socket.ok()) return socket.status();
    absl::Status serves = ServeInherited(*socket);
    if (!serves.ok()) GiveBack(*std::move(socket));
    return serves;
  }
  absl::StatusOr<UnixAddress> parsed = UnixAddress::Parse(address);
  if (!parsed.ok()) return parsed.status();
  absl::Status prepared = Prepare();
  if (!prepared.ok()) return prepared;
  absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(*parsed, options);
  if (!listener.ok()) return listener.status();
  return listeners_.Add(*std::move(listener), *poller_);
}

absl::Status ServerCore::Listen(UniqueFd socket, bool removes_file) {
  absl::StatusOr<InheritedSocket> inspected = InspectSocket(std::move(socket));
  if (!inspected.ok()) return inspected.status();
  return ListenOn(*inspected, removes_file);
}

absl::Status ServerCore::ListenOn(InheritedSocket& socket, bool removes_file) {
  absl::StatusOr<SocketListener> listener =
      SocketListener::TakeOver(socket, removes_file);
  if (!listener.ok()) return listener.status();
  absl::Status prepared = Prepare();
  if (!prepared.ok()) return prepared;
  return listeners_.Add(*std::move(listener), *poller_);
}

absl::Status ServerCore::ServePassed(std::string_view name) {
  // Before they are taken, which is once for all.
  absl::Status prepared = Prepare();
  if (!prepared.ok()) return prepared;
  absl::StatusOr<std::vector<InheritedSocket>> sockets =
      TakePassedSockets(name);
  if (!sockets.ok()) return sockets.status();
  for (InheritedSocket& socket : *sockets) {
    absl::Status serves = ServeInherited(socket);
    if (!serves.ok()) return serves;
  }
  return absl::OkStatus();
}

absl::Status ServerCore::ServeInherited(InheritedSocket& socket) {
  return socket.kind.listens ? ListenOn(socket, /*removes_file=*/false)
                             : ServeConnected(socket);
}

absl::Status ServerCore::ServeConnection(UniqueFd socket) {
  absl::StatusOr<InheritedSocket> inspected = InspectSocket(std::move(socket));
  if (!inspected.ok()) return inspected.status();
  return ServeConnected(*inspected);
}

absl::Status ServerCore::ServeConnected(InheritedSocket& socket) {
  absl::Status usable = PrepareConnectedSocket(socket);
  if (!usable.ok()) return usable;
  const absl::StatusOr<PeerCredentials> peer =
      GetPeerCredentials(socket.fd.get());
  if (!peer.ok()) return peer.status();
  absl::Status prepared = Prepare();
  if (!prepared.ok()) return prepared;
  if (!serving_) serves_given_ = true;
  return Connect(NewTransport(std::move(socket.fd), socket.kind.type), *peer);
}

absl::Status ServerCore::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the server was inherited through fork(), which came after it had opened "
      "its socket; open it in the child");
}

bool ServerCore::HasNothingToServe() {
  if (!serves_given_ || !listeners_.empty() || accepts_in_process_) {
    return false;
  }
  MutexLock lock(mu_);
  return connections_.empty() && connected_.empty();
}

absl::Status ServerCore::Prepare() {
  if (executor_ != nullptr) return absl::OkStatus();
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  if (!wakeup.ok()) return wakeup.status();
  absl::StatusOr<Poller> poller = Poller::Create();
  if (!poller.ok()) return poller.status();
  absl::StatusOr<std::shared_ptr<WorkerPool>> pool = WorkerPool::Create(
      options_.max_threads, [this](bool sleeps) { return PollOrSleep(sleeps); },
      [this] { wakeup_->Notify(); });
  if (!pool.ok()) return pool.status();
  absl::Status added = poller->Add(wakeup->fd(), kWakeupToken, {});
  if (!added.ok()) return added;
  if (options_.notify_service_manager) {
    absl::StatusOr<ServiceNotices> notices = ServiceNotices::FromEnvironment();
    if (!notices.ok()) return notices.status();
    notices_ = *std::move(notices);
  }
  if (options_.raise_open_files_limit) RaiseOpenFilesLimit();
  const ClientAccounts::Limits limits =
      ClientAccounts::LimitsFor(options_, OpenFilesLimit());
  // Clients are told of what they could have taken.
  options_.max_request_descriptors =
      std::clamp<size_t>(limits.files_of_user, kGuaranteedDescriptors,
                         options_.max_request_descriptors);
  // What waits for clients that do not read is open, too.
  options_.max_queued_descriptors_per_connection =
      std::min(options_.max_queued_descriptors_per_connection,
               OpenFilesLimit() / DescriptorFlight::kPartOfLimit);
  accounts_ = std::make_shared<ClientAccounts>(limits);
  wakeup_ = *std::move(wakeup);
  poller_ = *std::move(poller);
  pool_ = *std::move(pool);
  executor_ = pool_;
  entries_ = {ForkLedger::Entry(wakeup_->fd(), ledger_owner_),
              ForkLedger::Entry(poller_->fd(), ledger_owner_),
              ForkLedger::Entry(pool_->timer_fd(), ledger_owner_)};
  opened_.emplace();
  return absl::OkStatus();
}

absl::Status ServerCore::AcceptInProcess() {
  absl::Status usable = CheckProcess();
  if (!usable.ok() || serving_) return usable;
  absl::Status prepared = Prepare();
  accepts_in_process_ = prepared.ok();
  return prepared;
}

absl::Status ServerCore::Connect(std::unique_ptr<Transport> transport,
                                 const PeerCredentials& peer) {
  absl::Status usable = CheckProcess();
  if (!usable.ok()) return usable;
  {
    MutexLock lock(mu_);
    if (drain_deadline_.has_value()) {
      return absl::UnavailableError("the server has shut down");
    }
    if (connected_.size() >= static_cast<size_t>(options_.max_connections)) {
      return absl::UnavailableError("the server does not take connections yet");
    }
    connected_.push_back({std::move(transport), peer});
  }
  wakeup_->Notify();
  return absl::OkStatus();
}

void ServerCore::BeginServing() {
  FDRPC_CHECK(!listeners_.empty() || accepts_in_process_ || serves_given_,
              "a server serves after Listen(), ServeConnection() or "
              "InProcessChannel()");
  FDRPC_CHECK(!inherited_by_fork(),
              "a server serves in a child of the process that opened its "
              "socket; after fork() or daemon(), open it in the child");
  FDRPC_CHECK(!serving_, "a server serves once");
  serving_ = true;
  WatchProcessExit();
  BusyPoll::PrepareSystemCalls();
  idle_check_at_ = DeadlineAfter(Clock::Real().Now(), options_.idle_timeout);
}

absl::Status ServerCore::ServeIn(std::shared_ptr<LoopCore> loop) {
  const auto executor = std::make_shared<LoopExecutor>(
      std::move(loop), poller_->fd(), [this] { return Poll(MonotonicTime()); },
      [this] { return NextDeadline(); });
  executor_ = executor;
  absl::Status started = executor->Start();
  if (started.ok()) {
    pool_.reset();
  } else {
    executor_ = pool_;
  }
  return started;
}

void ServerCore::AdoptSocket(UniqueFd socket, int type) {
  const absl::StatusOr<PeerCredentials> peer = GetPeerCredentials(socket.get());
  if (!peer.ok()) return;
  Adopt(NewTransport(std::move(socket), type), *peer);
}

std::unique_ptr<Transport> ServerCore::NewTransport(UniqueFd socket, int type) {
  const int fd = socket.get();
  ForkLedger::Add(fd, ledger_owner_);
  return CreateSocketTransport(std::move(socket), type);
}

void ServerCore::AdoptConnected() {
  std::vector<Connected> connected;
  {
    MutexLock lock(mu_);
    connected.swap(connected_);
  }
  for (Connected& each : connected) {
    Adopt(std::move(each.transport), each.peer);
  }
}

void ServerCore::Adopt(std::unique_ptr<Transport> transport,
                       const PeerCredentials& peer) {
  const uint64_t token = next_token_++;
  // Not converted: that it is a host is its own affair.
  std::shared_ptr<ServerConnection::Host> host(shared_from_this(), this);
  absl::StatusOr<std::unique_ptr<ClientShare>> share =
      accounts_->Admit(peer.uid);
  const std::shared_ptr<ServerConnection> connection = ServerConnection::Create(
      std::move(transport), peer, share.ok() ? *std::move(share) : nullptr,
      {.options = options_,
       .registry = registry_,
       .executor = *executor_,
       .deadlines = deadlines_,
       .counters = counters_,
       .kept_messages = kept_messages_,
       .wakeup = *wakeup_},
      std::move(host), token);
  if (!share.ok()) return connection->TurnAway(share.status());
  {
    MutexLock lock(mu_);
    std::erase_if(left_, [](const auto& left) { return left.expired(); });
    if (!poller_->Add(connection->pollable_fd(), token, {}).ok()) return;
    connections_.emplace(token, connection);
  }
  Expect(handshakes_, options_.handshake_timeout, token);
  if (options_.max_connection_age != absl::InfiniteDuration()) {
    Expect(ages_, options_.max_connection_age, token);
  }
  if (options_.max_connection_idle != absl::InfiniteDuration()) {
    Expect(idles_, options_.max_connection_idle, token);
  }
  connection->Start();
}

void ServerCore::Expect(std::deque<Expected>& queue, absl::Duration timeout,
                        uint64_t token) {
  queue.push_back({DeadlineAfter(Clock::Real().Now(), timeout), token});
}

void ServerCore::OnInterestChanged(ServerConnection& connection) {
  // Under the lock, so that of two changes the later one's outcome stays.
  MutexLock lock(mu_);
  if (!connections_.contains(connection.token())) return;
  // Of a descriptor in the set only a lack of memory can fail; what is lost is
  // noticed when the peer goes.
  (void)poller_->Change(connection.pollable_fd(), connection.token(),
                        connection.interest());
}

void ServerCore::OnConnectionClosed(ServerConnection& connection) {
  std::shared_ptr<ServerConnection> gone;
  {
    MutexLock lock(mu_);
    auto it = connections_.find(connection.token());
    if (it == connections_.end()) return;
    poller_->Remove(connection.pollable_fd());
    gone = std::move(it->second);
    connections_.erase(it);
    if (gone->has_calls()) left_.push_back(gone);
  }
  // A shutdown may have waited for it.
  wakeup_->Notify();
}

std::shared_ptr<ServerConnection> ServerCore::FindConnection(uint64_t token) {
  MutexLock lock(mu_);
  auto it = connections_.find(token);
  return it == connections_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<ServerConnection>> ServerCore::AllConnections() {
  MutexLock lock(mu_);
  std::vector<std::shared_ptr<ServerConnection>> all;
  all.reserve(connections_.size());
  for (const auto& [token, connection] : connections_)
    all.push_back(connection);
  for (const auto& left : left_) {
    if (auto connection = left.lock()) all.push_back(std::move(connection));
  }
  return all;
}

}  // namespace fdrpc
