#include "server/server_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "connection/stream_windows.h"
#include "fdrpc/internal/kept_messages.h"
#include "os/background_close.h"
#include "os/busy_poll.h"
#include "os/descriptor_flight.h"
#include "os/open_files.h"
#include "os/process_exit.h"
#include "server/loop_executor.h"
#include "server/service_notices.h"
#include "transport/ring_policy.h"
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
  ClampStreamWindows(options);
  options.max_threads = std::max(options.max_threads, 2);
  for (absl::Duration* idle :
       {&options.idle_timeout, &options.max_connection_idle}) {
    *idle = std::max(*idle, absl::Milliseconds(1));
  }
  return options;
}

}  // namespace

ServerCore::ServerCore(const ServerOptions& options, const Clock& clock)
    : clock_(clock),
      options_(AtLeastGuaranteed(options)),
      sources_(ledger_owner_, options_.max_connections, lifecycle_, waker_,
               clock_, [this]() -> absl::StatusOr<Listeners::Watcher> {
                 absl::Status opened = Open();
                 if (!opened.ok()) return opened;
                 return Listeners::Watcher{reactor_.get(), weak_from_this()};
               }) {}

absl::Status ServerCore::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the server was inherited through fork(), which came after it had opened "
      "its socket; open it in the child");
}

absl::Status ServerCore::Open() {
  if (executor_ != nullptr) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<Reactor>> reactor =
      Reactor::Create(options_.max_busy_poll, clock_);
  if (!reactor.ok()) return reactor.status();
  absl::StatusOr<std::shared_ptr<WorkerPool>> pool = WorkerPool::Create(
      options_.max_threads, [this](bool sleeps) { return Poll(sleeps); },
      [this] { reactor_->Interrupt(); });
  if (!pool.ok()) return pool.status();
  absl::StatusOr<ServiceNotices> notices =
      options_.notify_service_manager ? ServiceNotices::FromEnvironment()
                                      : ServiceNotices();
  if (!notices.ok()) return notices.status();
  if (options_.raise_open_files_limit) RaiseOpenFilesLimit();
  const ClientAccounts::Limits limits =
      ClientAccounts::LimitsFor(options_, OpenFilesLimit());
  // Clients are told how many they can really send.
  options_.max_request_descriptors =
      std::clamp<size_t>(limits.files_of_user, kGuaranteedDescriptors,
                         options_.max_request_descriptors);
  // What waits for clients that do not read is open, too.
  options_.max_queued_descriptors_per_connection =
      std::min(options_.max_queued_descriptors_per_connection,
               OpenFilesLimit() / DescriptorFlight::kPartOfLimit);
  accounts_ = std::make_shared<ClientAccounts>(limits);
  reactor_ = *std::move(reactor);
  connections_.emplace(options_, *reactor_, waker_, clock_);
  schedule_.emplace(options_, clock_, lifecycle_, sources_, *connections_,
                    datagrams_, counters_, waker_, *std::move(notices),
                    [this] { executor_->Stop(); });
  datagrams_.emplace(
      DatagramCalls::Shared{.clock = clock_,
                            .options = options_,
                            .registry = registry_,
                            .executor = executor_,
                            .reactor = reactor_,
                            .counters = counters_,
                            .kept_messages = schedule_->kept_messages(),
                            .waker = waker_,
                            .accounts = accounts_},
      ledger_owner_);
  sources_.listeners().TakeCallsWith(*datagrams_, weak_from_this());
  pool_ = *std::move(pool);
  executor_ = pool_;
  entries_ = {ForkLedger::Entry(reactor_->wakeup_fd(), ledger_owner_),
              ForkLedger::Entry(reactor_->fd(), ledger_owner_),
              ForkLedger::Entry(pool_->timer_fd(), ledger_owner_)};
  opened_.emplace();
  return absl::OkStatus();
}

void ServerCore::BeginServing() {
  FDRPC_CHECK(sources_.any(),
              "a server serves after Listen(), ServeConnection() or "
              "InProcessChannel()");
  FDRPC_CHECK(!inherited_by_fork(),
              "a server serves in a child of the process that opened its "
              "socket; after fork() or daemon(), open it in the child");
  FDRPC_CHECK(!serves(), "a server serves once");
  lifecycle_.Enter(ServerLifecycle::Stage::kServing);
  WatchProcessExit();
  BusyPoll::PrepareSystemCalls();
  schedule_->Begin(clock_.Now());
}

void ServerCore::BeginWaking() {
  waker_.Begin(*reactor_, weak_from_this());
  // For what was asked for before.
  waker_.Wake();
}

absl::Status ServerCore::ServeIn(std::shared_ptr<LoopCore> loop) {
  loop_ = loop;
  executor_ = std::make_shared<LoopExecutor>(loop);
  connections_->MoveTo(*loop);
  entries_ = {};
  pool_.reset();
  // From here on the loop may call this.
  const std::shared_ptr<Reactor> own = std::exchange(reactor_, std::move(loop));
  absl::Status moved =
      sources_.listeners().MoveTo({reactor_.get(), weak_from_this()});
  BeginWaking();
  // After an error it ends in the loop.
  if (!moved.ok()) Shutdown(absl::ZeroDuration());
  return moved;
}

std::optional<size_t> ServerCore::OnReady(Poller::Event event) {
  BackgroundCloseScope closes;
  const size_t calls = sources_.listeners().calls_taken();
  sources_.Accept(event.token,
                  [this](auto connected) { Adopt(std::move(connected)); });
  return sources_.listeners().calls_taken() - calls;
}

void ServerCore::OnWake() {
  BackgroundCloseScope closes;
  for (auto& connected : sources_.TakeWaiting()) Adopt(std::move(connected));
  schedule_->Advance(clock_.Now());
}

WorkerPool::PollResult ServerCore::Poll(bool sleeps) {
  auto result = WorkerPool::PollResult::kSomething;
  if (sleeps) {
    reactor_->Sleep();
  } else {
    result = reactor_->Poll();
  }
  if (lifecycle_.TakeStopRequest()) Shutdown(options_.drain_timeout);
  return result;
}

void ServerCore::Adopt(ConnectionSources::NewConnection connected) {
  // One that waited while the server was told to shut down would be missing
  // among those that drain.
  if (lifecycle_.stage() != ServerLifecycle::Stage::kServing) return;
  const PeerCredentials& peer = connected.peer;
  const uid_t user = connected.given.counts_for.value_or(peer.uid);
  absl::StatusOr<std::unique_ptr<ClientShare>> share = accounts_->Admit(user);
  if (share.ok() && connected.may_have_rings) {
    connected.transport = RingPolicy(options_).Apply(
        std::move(connected.transport), Side::kServer, &(*share)->rings());
  }
  const std::shared_ptr<ServerConnection> connection = ServerConnection::Create(
      std::move(connected.transport), peer,
      share.ok() ? *std::move(share) : nullptr,
      {.clock = clock_,
       .options = options_,
       .registry = registry_,
       .executor = *executor_,
       .reactor = *reactor_,
       .counters = counters_,
       .kept_messages = schedule_->kept_messages(),
       .waker = waker_,
       .loop = loop_},
      {shared_from_this(), &*connections_}, std::move(connected.given));
  if (!share.ok()) {
    return connection->TurnAway(share.status(), accounts_->ClosesOf(user));
  }
  connections_->Add(connection);
}

absl::Status ServerCore::ServeAlone(UniqueFd socket,
                                    std::shared_ptr<Service> service,
                                    std::optional<uid_t> counts_for) {
  struct OneService {
    std::shared_ptr<Service> service;
    ServiceRegistry registry;
  };
  const auto alone = std::make_shared<OneService>(
      OneService{std::move(service), ServiceRegistry(options_.interceptors)});
  alone->registry.Add(*alone->service);
  return sources_.ServeConnection(
      std::move(socket), {.services = std::shared_ptr<const ServiceRegistry>(
                              alone, &alone->registry),
                          .may_be_silent = true,
                          .counts_for = counts_for});
}

ServerStatistics ServerCore::statistics() const {
  ServerStatistics statistics = {
      .one_way_calls = counters_.one_way_calls,
      .one_way_errors = counters_.one_way_errors,
      .datagram_calls = counters_.datagram_calls,
      .dropped_replies = counters_.dropped_replies,
      .refused_knocks = sources_.listeners().refused_knocks()};
  // Another thread may open the server before it serves.
  if (serves() && !inherited_by_fork()) accounts_->AddTo(statistics);
  return statistics;
}

ServerActivity ServerCore::activity() const {
  ServerActivity activity;
  activity.methods = registry_.activity();
  // Another thread may open the server before it serves.
  if (!serves() || inherited_by_fork()) return activity;
  for (const auto& connection : connections_->All()) {
    activity.connections.push_back(connection->activity());
  }
  std::sort(activity.connections.begin(), activity.connections.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  activity.users = accounts_->activity();
  return activity;
}

void ServerCore::Shutdown(absl::Duration drain_timeout) {
  if (inherited_by_fork()) return;
  lifecycle_.RequestShutdown(clock_.Now(), drain_timeout);
  sources_.DropWaiting();
  waker_.Wake();
}

void ServerCore::CloseConnections() {
  if (!connections_.has_value()) return;
  for (const auto& connection : connections_->All()) {
    connection->CloseForShutdown();
  }
  datagrams_->Ended(/*late=*/true, ServerSchedule::ShuttingDown());
  // Nobody checks them any more, unless the process has another server.
  for (int i = 0; i < 2; ++i) internal::KeptMessages::DropUnused();
}

}  // namespace fdrpc
