#ifndef FDRPC_SERVER_SERVER_CORE_H_
#define FDRPC_SERVER_SERVER_CORE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "fdrpc/server.h"
#include "fdrpc/server_statistics.h"
#include "loop/loop_core.h"
#include "os/busy_poll.h"
#include "os/fork_generation.h"
#include "os/fork_ledger.h"
#include "os/inherited_socket.h"
#include "os/poller.h"
#include "os/wakeup.h"
#include "server/call_deadlines.h"
#include "server/client_accounts.h"
#include "server/executor.h"
#include "server/idle_check.h"
#include "server/kept_messages_check.h"
#include "server/listeners.h"
#include "server/server_connection.h"
#include "server/server_counters.h"
#include "server/service_notices.h"
#include "server/service_registry.h"
#include "server/worker_pool.h"
#include "transport/transport.h"

namespace fdrpc {

// What a Server is made of: its listeners and connections, waited for in one
// epoll set by whichever thread of the pool polls, or within a loop, and its
// way to an end.
//
// Calls that handlers keep beyond the server keep it, too: those have ended,
// but what waits for them is still told.
class ServerCore final : private ServerConnection::Host,
                         public std::enable_shared_from_this<ServerCore> {
 public:
  explicit ServerCore(const ServerOptions& options);
  ~ServerCore() = default;

  void AddService(Service& service) { registry_.Add(service); }
  absl::Status Listen(std::string_view address, const ListenOptions& options);
  absl::Status Listen(UniqueFd socket, bool removes_file);
  // Any thread.
  absl::StatusOr<std::vector<UniqueFd>> HandOver() {
    return listeners_.HandOver();
  }
  // As Server::ServeConnection().
  absl::Status ServeConnection(UniqueFd socket) ABSL_LOCKS_EXCLUDED(mu_);
  // Has Connect() work, also before the server serves; what it serves on may be
  // that alone.
  absl::Status AcceptInProcess();

  // After Listen(); once, before the next three.
  void BeginServing();
  absl::Status StartThread() { return pool_->Start(); }
  void ServeOnThisThread() { pool_->Join(); }
  absl::Status ServeIn(std::shared_ptr<LoopCore> loop);
  // Removes the sockets' files, for a process that ends.
  void CloseListeners() { listeners_.Close(); }
  // Blocks until the server, if it serves, has shut down and its handlers have
  // ended.
  void AwaitEnd() {
    if (executor_ != nullptr) executor_->AwaitEnd();
  }
  // Whether the calling thread is one that runs handlers, so that it cannot
  // wait for them.
  bool RunsThisThread() const {
    return executor_ != nullptr && executor_->RunsThisThread();
  }
  // Ends the connections that are left. Once no thread polls any more.
  void CloseConnections();

  bool serving() const { return serving_; }
  // Whether this is a child's copy, made by fork(2) after it had opened
  // anything: it does nothing.
  bool inherited_by_fork() const {
    return opened_.has_value() && opened_->inherited();
  }
  // FAILED_PRECONDITION in such a copy. For who calls what opens or serves, in
  // Server; AcceptInProcess() and Connect() look themselves.
  absl::Status CheckProcess() const;
  // Within such a copy: closes what it has of the parent's descriptors. It is
  // not to be destroyed.
  void LetGoInChild() { ForkLedger::CloseAllOf(ledger_owner_); }
  absl::Duration drain_timeout() const { return options_.drain_timeout; }
  // Any thread.
  ServerStatistics statistics() const {
    return {.one_way_calls = counters_.one_way_calls,
            .one_way_errors = counters_.one_way_errors,
            .refused_knocks = listeners_.refused_knocks()};
  }

  // Takes the server's end of a connection of this process. From any thread;
  // before the server serves, the connection waits. UNAVAILABLE if too many do,
  // and once it shuts down; FAILED_PRECONDITION in a child after fork(2).
  absl::Status Connect(std::unique_ptr<Transport> transport,
                       const PeerCredentials& peer) ABSL_LOCKS_EXCLUDED(mu_);

  // Any thread; a second call can only make it sooner.
  void Shutdown(absl::Duration drain_timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Safe in a signal handler: wakes the polling thread, which looks at
  // `stop_requested`.
  void RequestStop() {
    stop_requested_.store(true, std::memory_order_release);
    wakeup_->Notify();
  }

 private:
  // Tokens in the epoll set: the wake-up, the listeners, then the connections,
  // whose numbers are not used again.
  static constexpr uint64_t kWakeupToken = 0;
  static constexpr uint64_t kFirstListenerToken = 1;
  static constexpr uint64_t kFirstConnectionToken = 1u << 16;

  // Something that a connection must do in time. All of a kind have the same
  // time for it, so a queue of them is in the order of their deadlines.
  struct Expected {
    MonotonicTime deadline;
    uint64_t token;
  };

  // ServerConnection::Host.
  void OnRequestIncomplete(ServerConnection& connection) override {
    Expect(requests_, options_.request_timeout, connection.token());
  }
  void OnInterestChanged(ServerConnection& connection) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnConnectionClosed(ServerConnection& connection) override
      ABSL_LOCKS_EXCLUDED(mu_);

  struct Connected {
    std::unique_ptr<Transport> transport;
    PeerCredentials peer;
  };

  // A connection that takes no more calls, and when it ends in any case.
  struct Draining {
    std::shared_ptr<ServerConnection> connection;
    MonotonicTime deadline;
  };

  // All of these are the polling thread's.
  //
  // Waits no longer than `until`. False if nothing was ready or due.
  bool Poll(MonotonicTime until);
  // Waits, sleeping or not, for as long as that is sensible.
  WorkerPool::Found PollOrSleep(bool sleeps);
  // Looks at one connection, and from time to time at all.
  bool PollBusily(ServerConnection* connection);
  // False if nothing had come.
  bool ReadFrames(ServerConnection& connection);
  void Read(ServerConnection& connection);
  MonotonicTime NextDeadline() ABSL_LOCKS_EXCLUDED(mu_);
  void Handle(const Poller::Event& event);
  void AdoptSocket(UniqueFd socket, int type);
  // What is connected through a socket: entered in the ForkLedger until it
  // goes.
  std::unique_ptr<Transport> NewTransport(UniqueFd socket, int type);
  void AdoptConnected() ABSL_LOCKS_EXCLUDED(mu_);
  // Those of a service manager's sockets that have this name.
  absl::Status ServePassed(std::string_view name) ABSL_LOCKS_EXCLUDED(mu_);
  // A socket that cannot be served is left to the caller.
  absl::Status ServeInherited(InheritedSocket& socket) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ListenOn(InheritedSocket& socket, bool removes_file);
  absl::Status ServeConnected(InheritedSocket& socket) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether there is and will be nothing to serve.
  bool HasNothingToServe() ABSL_LOCKS_EXCLUDED(mu_);
  void Adopt(std::unique_ptr<Transport> transport, const PeerCredentials& peer)
      ABSL_LOCKS_EXCLUDED(mu_);
  static void Expect(std::deque<Expected>& queue, absl::Duration timeout,
                     uint64_t token);
  void ExpireHandshakes(MonotonicTime now);
  void ExpireRequests(MonotonicTime now);
  // Has connections that are at their age drain, and those that are idle.
  void RetireConnections(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mu_);
  void RetireIdleConnections(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mu_);
  void Drain(std::shared_ptr<ServerConnection> connection,
             MonotonicTime deadline);
  // One step of each that drains; those that are done with are closed.
  void AdvanceDrains(MonotonicTime now) ABSL_LOCKS_EXCLUDED(mu_);
  void ShutdownIfIdle(MonotonicTime now);
  // One step on the way to the end, if it has begun.
  void AdvanceShutdown(MonotonicTime now);
  std::shared_ptr<ServerConnection> FindConnection(uint64_t token)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Also those that have closed, as long as calls of theirs go on.
  std::vector<std::shared_ptr<ServerConnection>> AllConnections()
      ABSL_LOCKS_EXCLUDED(mu_);

  // Makes what waiting and serving need, once.
  absl::Status Prepare();

  ServerOptions options_;  // constant from Prepare() on
  const uint32_t ledger_owner_ = ForkLedger::NewOwner();
  // Set by Prepare(), before there is anything that others could use.
  std::optional<ForkMark> opened_;
  ServiceRegistry registry_{options_.interceptors};
  bool serving_ = false;
  bool accepts_in_process_ = false;
  bool serves_given_ = false;  // connections, by ServeConnection()
  std::optional<Wakeup> wakeup_;
  std::optional<Poller> poller_;
  std::atomic<bool> stop_requested_{false};
  ServerCounters counters_;
  CallDeadlines deadlines_;

  // What all connections count in, also those that only calls keep: who comes
  // and goes could else leave any number of them.
  std::shared_ptr<ClientAccounts> accounts_;
  Listeners listeners_;

  // The polling thread's.
  size_t frames_read_ = 0;  // of all connections
  BusyPoll busy_poll_;
  BusyPoll::Wait wait_;
  int busy_polls_ = 0;
  // The connection that was read last, which keeps its memory.
  uint64_t last_read_ = 0;
  uint64_t next_token_;
  std::deque<Expected> handshakes_;
  std::deque<Expected> requests_;  // of connections with incomplete ones
  std::deque<Expected> ages_;
  std::deque<Expected> idles_;  // the next look at whether each is idle
  std::vector<Draining> draining_;
  bool shutting_down_ = false;
  IdleCheck idle_check_;
  MonotonicTime idle_check_at_ = kNoDeadline;
  KeptMessagesCheck kept_messages_;
  ServiceNotices notices_;

  Mutex mu_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<ServerConnection>> connections_
      ABSL_GUARDED_BY(mu_);
  // Those that have closed while one-way calls go on.
  std::vector<std::weak_ptr<ServerConnection>> left_ ABSL_GUARDED_BY(mu_);
  // Those that were not accepted, for the polling thread to adopt.
  std::vector<Connected> connected_ ABSL_GUARDED_BY(mu_);
  std::optional<MonotonicTime> drain_deadline_ ABSL_GUARDED_BY(mu_);

  // Last: its threads use all of the above.
  std::shared_ptr<Executor> executor_;
  std::shared_ptr<WorkerPool> pool_;  // the executor; null in a loop
  // Of the wake-up, the poller and the pool's timer.
  std::array<ForkLedger::Entry, 3> entries_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_CORE_H_
