#ifndef FDRPC_SERVER_SERVER_CORE_H_
#define FDRPC_SERVER_SERVER_CORE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/server.h"
#include "fdrpc/server_statistics.h"
#include "loop/loop_core.h"
#include "os/fork_generation.h"
#include "os/fork_ledger.h"
#include "os/poller.h"
#include "os/wakeup.h"
#include "server/client_accounts.h"
#include "server/connection_set.h"
#include "server/connection_sources.h"
#include "server/executor.h"
#include "server/server_counters.h"
#include "server/server_lifecycle.h"
#include "server/server_polling.h"
#include "server/server_schedule.h"
#include "server/service_registry.h"
#include "server/worker_pool.h"

namespace fdrpc {

// The implementation of a Server: the sources of its connections, the set of
// connections, its schedule, and the threads or the loop that run it.
//
// Calls that handlers keep after the server's end keep this object, too: the
// calls have ended, but what waits for them must still be told.
class ServerCore final : public std::enable_shared_from_this<ServerCore> {
 public:
  // Uses `clock`, which must outlive it. So must the loop in which it serves.
  explicit ServerCore(const ServerOptions& options,
                      const Clock& clock = Clock::Real());
  ~ServerCore() = default;

  void AddService(Service& service) { registry_.Add(service); }
  // Not in a child made by fork(2): call CheckProcess() first.
  ConnectionSources& sources() { return sources_; }

  // After it has sources, once, and before the next three functions.
  void BeginServing();
  absl::Status StartThread() { return pool_->Start(); }
  void ServeOnThisThread() { pool_->Join(); }
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
  // Any thread.
  ServerStatistics statistics() const {
    return {.one_way_calls = counters_.one_way_calls,
            .one_way_errors = counters_.one_way_errors,
            .refused_knocks = sources_.listeners().refused_knocks()};
  }

  // Any thread; a second call can only make it sooner.
  void Shutdown(absl::Duration drain_timeout);
  // Safe in a signal handler: wakes the polling thread, which looks for the
  // request.
  void RequestStop() {
    lifecycle_.RequestStop();
    wakeup_->Notify();
  }

 private:
  // Makes what waiting and serving need, once.
  absl::Status Open();
  // Used by the polling thread.
  void Adopt(ConnectionSources::NewConnection connected);

  const Clock& clock_;
  ServerOptions options_;  // constant once it is open
  const uint32_t ledger_owner_ = ForkLedger::NewOwner();
  ServiceRegistry registry_{options_.interceptors};
  ServerLifecycle lifecycle_;
  ServerCounters counters_;
  ConnectionSources sources_;

  // Created by Open(), before anything can use them.
  std::optional<ForkMark> opened_;
  std::optional<Wakeup> wakeup_;
  std::optional<Poller> poller_;
  // The account of all connections, including those that only calls keep alive:
  // clients that come and go could otherwise leave any number of them.
  std::shared_ptr<ClientAccounts> accounts_;
  std::optional<ConnectionSet> connections_;
  std::optional<ServerSchedule> schedule_;
  std::optional<ServerPolling> polling_;
  // Its threads use all of the above.
  std::shared_ptr<Executor> executor_;
  std::shared_ptr<WorkerPool> pool_;  // the executor; null in a loop
  // For the wake-up, the poller and the pool's timer.
  std::array<ForkLedger::Entry, 3> entries_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_CORE_H_
