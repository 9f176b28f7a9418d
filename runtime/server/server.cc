#include "fdrpc/server.h"

#include <atomic>
#include <utility>

#include "base/check.h"
#include "os/process_exit.h"
#include "server/server_core.h"
#include "server/stop_signals.h"

namespace fdrpc {

Server::Server(ServerOptions options)
    : core_(std::make_shared<ServerCore>(options)) {}

Server::~Server() {
  if (core_->inherited_by_fork()) {
    // The threads, the connections and the socket files belong to the parent,
    // which continues. The child closes its copies of descriptors, and forgets
    // the rest without destroying it.
    core_->LetGoInChild();
    (void)new std::shared_ptr<ServerCore>(std::move(core_));
    return;
  }
  core_->Shutdown(absl::ZeroDuration());
  if (ProcessExits() && core_->RunsThisThread()) {
    // exit(3) in a handler, which does not return and so cannot be waited for.
    core_->sources().listeners().CloseAtExit();
    static std::atomic<const std::shared_ptr<ServerCore>*> last;
    // A copy: another thread may be about to call Wait() in the meantime.
    last = new std::shared_ptr<ServerCore>(core_);
    return;
  }
  core_->AwaitEnd();
  core_->CloseConnections();
}

void Server::AddService(Service& service) {
  FDRPC_CHECK(!core_->serves() || core_->inherited_by_fork(),
              "AddService() comes before Run() and Start()");
  core_->AddService(service);
}

void Server::AddService(std::unique_ptr<Service> service) {
  AddService(*service);
  core_->Keep(std::move(service));
}

std::vector<const Service*> Server::services() const {
  return core_->services();
}

absl::Status Server::Listen(std::string_view address,
                            const ListenOptions& options) {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  FDRPC_CHECK(!core_->serves(), "Listen() comes before Run() and Start()");
  return core_->sources().Listen(address, options);
}

absl::Status Server::Listen(UniqueFd listener, SocketFile file) {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  FDRPC_CHECK(!core_->serves(), "Listen() comes before Run() and Start()");
  return core_->sources().Listen(std::move(listener),
                                 file == SocketFile::kIsRemovedAtTheEnd);
}

absl::Status Server::ServeConnection(UniqueFd socket) {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  return core_->sources().ServeConnection(std::move(socket));
}

absl::Status Server::ServeConnection(UniqueFd socket,
                                     std::shared_ptr<Service> service) {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  return core_->ServeAlone(std::move(socket), std::move(service));
}

absl::Status ServerForClient::ServeConnection(
    UniqueFd socket, std::shared_ptr<Service> service) {
  absl::Status usable = server_.core_->CheckProcess();
  if (!usable.ok()) return usable;
  return server_.core_->ServeAlone(std::move(socket), std::move(service),
                                   user_);
}

absl::Status Server::AwaitConnections() {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  FDRPC_CHECK(!core_->serves(),
              "AwaitConnections() comes before Run() and Start()");
  return core_->sources().AcceptInProcess();
}

absl::StatusOr<std::vector<UniqueFd>> Server::HandOver() {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  return core_->sources().listeners().HandOver();
}

void Server::Run() {
  core_->BeginServing();
  StopSignals signals(*core_);
  core_->ServeOnThisThread();
  core_->AwaitEnd();
}

absl::Status Server::Start() {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  core_->BeginServing();
  return core_->StartThread();
}

absl::Status Server::Start(Loop loop) {
  absl::Status usable = core_->CheckProcess();
  if (!usable.ok()) return usable;
  core_->BeginServing();
  return core_->ServeIn(std::move(loop.core_));
}

void Server::Shutdown() { core_->Shutdown(core_->drain_timeout()); }

void Server::Shutdown(Timeout drain_timeout) { core_->Shutdown(drain_timeout); }

void Server::Wait() { core_->AwaitEnd(); }

ServerActivity Server::activity() const { return core_->activity(); }

void Server::CountCalls() {
  FDRPC_CHECK(!core_->serves() || core_->inherited_by_fork(),
              "CountCalls() comes before Run() and Start()");
  core_->CountCalls();
}

ServerStatistics Server::statistics() const { return core_->statistics(); }

void PrintTo(const ServerStatistics& statistics, std::ostream* to) {
  *to << statistics.one_way_calls << " one-way calls, "
      << statistics.one_way_errors << " of them with errors, "
      << statistics.datagram_calls << " calls in datagrams, "
      << statistics.dropped_replies << " replies to them dropped, "
      << statistics.refused_knocks << " other datagrams refused; "
      << statistics.connections << " connections, " << statistics.request_bytes
      << " bytes and " << statistics.request_descriptors
      << " descriptors of requests, " << statistics.queued_descriptors
      << " queued and " << statistics.in_flight_descriptors
      << " in-flight descriptors of replies, " << statistics.closing_descriptors
      << " to be closed; " << statistics.ring_connections
      << " connections with " << statistics.ring_bytes << " bytes of rings";
}

}  // namespace fdrpc
