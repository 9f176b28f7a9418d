#ifndef FDRPC_SERVER_SERVER_CORE_H_
#define FDRPC_SERVER_SERVER_CORE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/server.h"
#include "fdrpc/server_activity.h"
#include "fdrpc/server_statistics.h"
#include "loop/loop_core.h"
#include "loop/reactor.h"
#include "loop/waker.h"
#include "os/fork_generation.h"
#include "os/fork_ledger.h"
#include "server/client_accounts.h"
#include "server/connection_set.h"
#include "server/connection_sources.h"
#include "server/datagram_calls.h"
#include "server/executor.h"
#include "server/server_counters.h"
#include "server/server_lifecycle.h"
#include "server/server_schedule.h"
#include "server/service_registry.h"
#include "server/worker_pool.h"

namespace fdrpc {

// The implementation of a Server: the sources of its connections, the set of
// connections, its schedule, and the threads or the loop that run it. Waits in
// a reactor: its own, which its threads run in turn, or that of a loop.
//
// Calls that handlers keep after the server's end keep this object, too: the
// calls have ended, but what waits for them must still be told.
class ServerCore final : public Reactor::Source,
                         public std::enable_shared_from_this<ServerCore> {
 public:
  // Uses `clock`, which must outlive it.
  explicit ServerCore(const ServerOptions& options,
                      const Clock& clock = Clock::Real());
  ~ServerCore() override = default;

  void AddService(Service& service) { registry_.Add(service); }
  // Owns a service that was added.
  void Keep(std::unique_ptr<Service> service) {
    kept_services_.push_back(std::move(service));
  }
  std::vector<const Service*> services() const { return registry_.services(); }
  // Not in a child made by fork(2): call CheckProcess() first.
  ConnectionSources& sources() { return sources_; }
  // As Server::ServeConnection(). `counts_for`: as in GivenConnection.
  absl::Status ServeAlone(UniqueFd socket, std::shared_ptr<Service> service,
                          std::optional<uid_t> counts_for = std::nullopt);

  // After it has sources, once, and before one of the next three functions.
  void BeginServing();
  absl::Status StartThread() {
    BeginWaking();
    return pool_->Start();
  }
  void ServeOnThisThread() {
    BeginWaking();
    pool_->Join();
  }
  absl::Status ServeIn(std::shared_ptr<LoopCore> loop);
  // Blocks until the server, if it serves, has shut down and its handlers have
  // ended.
  void AwaitEnd() {
    if (executor_ != nullptr) executor_->AwaitEnd();
  }
  // Whether the calling thread runs handlers, so that it cannot wait for them.
  bool RunsThisThread() const {
    return executor_ != nullptr && executor_->RunsThisThread();
  }
  // Ends the remaining connections, after the last poll.
  void CloseConnections();

  bool serves() const { return lifecycle_.serves(); }
  // Whether this is a child's copy, made by fork(2) after the server had opened
  // anything: it does nothing.
  bool inherited_by_fork() const {
    return opened_.has_value() && opened_->inherited();
  }
  // FAILED_PRECONDITION in such a copy.
  absl::Status CheckProcess() const;
  // In such a copy: closes its copies of the parent's descriptors. The object
  // must not be destroyed.
  void LetGoInChild() { ForkLedger::CloseAllOf(ledger_owner_); }
  absl::Duration drain_timeout() const { return options_.drain_timeout; }
  // Before it serves.
  void CountCalls() { registry_.CountCalls(); }
  // Any thread.
  ServerStatistics statistics() const;
  ServerActivity activity() const;

  // Any thread; a second call can only make it sooner.
  void Shutdown(absl::Duration drain_timeout);
  // Safe in a signal handler: wakes the polling thread of the pool, which looks
  // for the request.
  void RequestStop() {
    lifecycle_.RequestStop();
    reactor_->Interrupt();
  }

 private:
  // Makes what waiting and serving need, once.
  absl::Status Open();
  void BeginWaking();

  // Used by the polling thread.
  //
  // Implementation of Reactor::Source, for the listeners, and for what is due.
  std::optional<size_t> OnReady(Poller::Event event) override;
  void OnWake() override;
  WorkerPool::PollResult Poll(bool sleeps);
  void Adopt(ConnectionSources::NewConnection connected);

  const Clock& clock_;
  ServerOptions options_;  // constant once it is open
  const uint32_t ledger_owner_ = ForkLedger::NewOwner();
  std::vector<std::unique_ptr<Service>> kept_services_;
  ServiceRegistry registry_{options_.interceptors};
  ServerLifecycle lifecycle_;
  ServerCounters counters_;
  // Its own, or the loop's; constant when anything uses it.
  std::shared_ptr<Reactor> reactor_;
  Waker waker_;  // calls OnWake()
  ConnectionSources sources_;

  // Created by Open(), before anything can use them.
  std::optional<ForkMark> opened_;
  // The account of all connections, including those that only calls keep alive:
  // clients that come and go could otherwise leave any number of them.
  std::shared_ptr<ClientAccounts> accounts_;
  std::optional<ConnectionSet> connections_;
  std::optional<DatagramCalls> datagrams_;
  std::optional<ServerSchedule> schedule_;
  // Its threads use all of the above.
  std::shared_ptr<Executor> executor_;
  std::shared_ptr<WorkerPool> pool_;  // the executor; null in a loop
  std::shared_ptr<LoopCore> loop_;    // null on threads
  // For the reactor's and the pool's descriptors.
  std::array<ForkLedger::Entry, 3> entries_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_CORE_H_
