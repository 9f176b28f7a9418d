#ifndef FDRPC_SERVER_CONNECTION_SET_H_
#define FDRPC_SERVER_CONNECTION_SET_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "fdrpc/server.h"
#include "os/poller.h"
#include "os/wakeup.h"
#include "server/connection_timeouts.h"
#include "server/server_connection.h"

namespace fdrpc {

// The open connections of a server: keeps each one alive while it is open, and
// watches its socket in the server's poller.
class ConnectionSet final : public ServerConnection::Host {
 public:
  // Tokens of connections in the poller are this and above, and are not reused.
  static constexpr uint64_t kFirstToken = 1u << 16;

  // Borrows the poller, and the wake-up of the polling thread.
  ConnectionSet(const ServerOptions& options, Poller& poller,
                const Wakeup& wakeup, const Clock& clock)
      : poller_(poller), wakeup_(wakeup), timeouts_(options, clock) {}
  ConnectionSet(const ConnectionSet&) = delete;
  ConnectionSet& operator=(const ConnectionSet&) = delete;

  // Any thread.
  //
  // Null if it has closed.
  std::shared_ptr<ServerConnection> Find(uint64_t token)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Including closed ones whose calls continue.
  std::vector<std::shared_ptr<ServerConnection>> All() ABSL_LOCKS_EXCLUDED(mu_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mu_);

  // Used by the polling thread.
  //
  // For the next connection.
  uint64_t NewToken() { return next_token_++; }
  // Adds a connection with a new token, and starts it, if it can be watched.
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

  Poller& poller_;
  const Wakeup& wakeup_;
  // Used by the polling thread.
  uint64_t next_token_ = kFirstToken;
  ConnectionTimeouts timeouts_;

  mutable Mutex mu_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<ServerConnection>> open_
      ABSL_GUARDED_BY(mu_);
  // Closed connections whose one-way calls continue.
  std::vector<std::weak_ptr<ServerConnection>> closed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_SET_H_
