#ifndef FDRPC_SERVER_CONNECTION_SET_H_
#define FDRPC_SERVER_CONNECTION_SET_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "fdrpc/server.h"
#include "loop/reactor.h"
#include "loop/waker.h"
#include "server/connection_timeouts.h"
#include "server/server_connection.h"

namespace fdrpc {

// The open connections of a server: keeps each one alive while it is open, and
// has its socket watched.
class ConnectionSet final : public ServerConnection::Host {
 public:
  // Borrows the reactor that watches them. Wakes, with `waker`, the server when
  // one has closed, and at its time-outs.
  ConnectionSet(const ServerOptions& options, Reactor& reactor, Waker& waker,
                const Clock& clock)
      : reactor_(&reactor), waker_(waker), timeouts_(options, waker, clock) {}
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;

  // Before it has connections: another reactor will watch them.
  void MoveTo(Reactor& reactor) { reactor_ = &reactor; }

  // Any thread.
  //
  // Including closed ones whose calls continue.
  std::vector<std::shared_ptr<ServerConnection>> All() const
      ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mu_);

  // Used by the polling thread.
  //
  // Adds a connection, and starts it, if it can be watched.
  void Add(const std::shared_ptr<ServerConnection>& connection)
      ABSL_LOCKS_EXCLUDED(mu_);
  ConnectionTimeouts& timeouts() { return timeouts_; }

 private:
  // Implementation of ServerConnection::Host.
  void OnRequestIncomplete(ServerConnection& connection) override {
    timeouts_.OnRequestIncomplete(connection);
  }
  void OnInterestChanged(ServerConnection& connection) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnConnectionClosed(ServerConnection& connection) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnRingsBegun(ServerConnection& connection) override {
    timeouts_.OnRingsBegun(connection);
  }

  Reactor* reactor_;  // constant while it has connections
  Waker& waker_;
  ConnectionTimeouts timeouts_;  // the polling thread's

  mutable Mutex mu_;
  absl::flat_hash_set<std::shared_ptr<ServerConnection>> open_
      ABSL_GUARDED_BY(mu_);
  // Closed connections whose one-way calls continue.
  std::vector<std::weak_ptr<ServerConnection>> closed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_SET_H_
