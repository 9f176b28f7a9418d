#include "server/server_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "fdrpc/internal/kept_messages.h"
#include "os/busy_poll.h"
#include "os/descriptor_flight.h"
#include "os/open_files.h"
#include "os/process_exit.h"
#include "server/loop_executor.h"
#include "server/service_notices.h"
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

ServerCore::ServerCore(const ServerOptions& options, const Clock& clock)
    : clock_(clock),
      options_(AtLeastGuaranteed(options)),
      sources_(
          ServerPolling::kFirstListenerToken, ledger_owner_,
          options_.max_connections, lifecycle_, clock_,
          [this]() -> absl::StatusOr<Poller*> {
            absl::Status opened = Open();
            if (!opened.ok()) return opened;
            return &*poller_;
          },
          [this] { wakeup_->Notify(); }) {}

absl::Status ServerCore::CheckProcess() const {
  if (!inherited_by_fork()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the server was inherited through fork(), which came after it had opened "
      "its socket; open it in the child");
}

absl::Status ServerCore::Open() {
  if (executor_ != nullptr) return absl::OkStatus();
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  if (!wakeup.ok()) return wakeup.status();
  absl::StatusOr<Poller> poller = Poller::Create();
  if (!poller.ok()) return poller.status();
  absl::StatusOr<std::shared_ptr<WorkerPool>> pool = WorkerPool::Create(
      options_.max_threads,
      [this](bool sleeps) { return polling_->PollOrSleep(sleeps); },
      [this] { wakeup_->Notify(); });
  if (!pool.ok()) return pool.status();
  absl::Status added =
      poller->Add(wakeup->fd(), ServerPolling::kWakeupToken, {});
  if (!added.ok()) return added;
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
  wakeup_ = *std::move(wakeup);
  poller_ = *std::move(poller);
  connections_.emplace(options_, *poller_, *wakeup_, clock_);
  schedule_.emplace(options_, clock_, lifecycle_, sources_, *connections_,
                    counters_, *wakeup_, *std::move(notices),
                    [this] { executor_->Stop(); });
  polling_.emplace(options_.max_busy_poll, clock_, *poller_, *wakeup_, sources_,
                   *connections_, *schedule_,
                   [this](ConnectionSources::NewConnection connected) {
                     Adopt(std::move(connected));
                   });
  pool_ = *std::move(pool);
  executor_ = pool_;
  entries_ = {ForkLedger::Entry(wakeup_->fd(), ledger_owner_),
              ForkLedger::Entry(poller_->fd(), ledger_owner_),
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

absl::Status ServerCore::ServeIn(std::shared_ptr<LoopCore> loop) {
  const auto executor = std::make_shared<LoopExecutor>(
      std::move(loop), poller_->fd(),
      [this] { return polling_->Poll(MonotonicTime()); },
      [this] { return schedule_->next(); });
  executor_ = executor;
  absl::Status started = executor->Start();
  if (started.ok()) {
    pool_.reset();
  } else {
    executor_ = pool_;
  }
  return started;
}

void ServerCore::Adopt(ConnectionSources::NewConnection connected) {
  // One that waited while the server was told to shut down would be missing
  // among those that drain.
  if (lifecycle_.stage() != ServerLifecycle::Stage::kServing) return;
  const PeerCredentials& peer = connected.peer;
  absl::StatusOr<std::unique_ptr<ClientShare>> share =
      accounts_->Admit(peer.uid);
  const std::shared_ptr<ServerConnection> connection = ServerConnection::Create(
      std::move(connected.transport), peer,
      share.ok() ? *std::move(share) : nullptr,
      {.clock = clock_,
       .options = options_,
       .registry = registry_,
       .executor = *executor_,
       .deadlines = schedule_->deadlines(),
       .counters = counters_,
       .kept_messages = schedule_->kept_messages(),
       .wakeup = *wakeup_},
      {shared_from_this(), &*connections_}, connections_->NewToken());
  if (!share.ok()) return connection->TurnAway(share.status());
  connections_->Add(connection);
}

void ServerCore::Shutdown(absl::Duration drain_timeout) {
  if (inherited_by_fork()) return;
  lifecycle_.RequestShutdown(clock_.Now(), drain_timeout);
  sources_.DropWaiting();
  if (wakeup_.has_value()) wakeup_->Notify();
}

void ServerCore::CloseConnections() {
  if (!connections_.has_value()) return;
  for (const auto& connection : connections_->All()) {
    connection->CloseForShutdown();
  }
  // Nobody checks them any more, unless the process has another server.
  for (int i = 0; i < 2; ++i) internal::KeptMessages::DropUnused();
}

}  // namespace fdrpc
