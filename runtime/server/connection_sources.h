#ifndef FDRPC_SERVER_CONNECTION_SOURCES_H_
#define FDRPC_SERVER_CONNECTION_SOURCES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/monotonic_time.h"
#include "base/mutex.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/unique_fd.h"
#include "os/inherited_socket.h"
#include "os/poller.h"
#include "server/listeners.h"
#include "server/server_lifecycle.h"
#include "transport/transport.h"

namespace fdrpc {

// The sources of a server's connections: listening sockets, which it opens, is
// given or inherits; connected sockets, which it is given or inherits; and
// channels of its own process. It owns the sockets, but not the connections
// that are adopted.
//
// Threads: functions for which Server says so may be called from any thread.
class ConnectionSources {
 public:
  // A connection that a client has made.
  struct NewConnection {
    std::unique_ptr<Transport> transport;
    PeerCredentials peer;
  };

  // The first listener has the token `first_token`, and so on. `owner`: of the
  // sockets, in the ForkLedger. At most `most_waiting` connections wait to be
  // adopted. `open` returns the poller for the listeners, which is borrowed,
  // and is called before anything is taken that cannot be given back; `wake` is
  // called when a connection waits.
  ConnectionSources(uint64_t first_token, uint32_t owner, size_t most_waiting,
                    const ServerLifecycle& lifecycle, const Clock& clock,
                    std::function<absl::StatusOr<Poller*>()> open,
                    std::function<void()> wake)
      : owner_(owner),
        most_waiting_(most_waiting),
        lifecycle_(lifecycle),
        open_(std::move(open)),
        wake_(std::move(wake)),
        listeners_(first_token, owner, clock) {}
  ConnectionSources(const ConnectionSources&) = delete;
  ConnectionSources& operator=(const ConnectionSources&) = delete;

  // As in Server.
  absl::Status Listen(std::string_view address, const ListenOptions& options)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Listen(UniqueFd socket, bool removes_file);
  absl::Status ServeConnection(UniqueFd socket) ABSL_LOCKS_EXCLUDED(mu_);
  // Channels of this process may Connect(), also before the server serves.
  absl::Status AcceptInProcess();
  // Takes the server's side of a connection, which waits to be adopted.
  // UNAVAILABLE if too many wait, and once the server shuts down. Any thread.
  absl::Status Connect(std::unique_ptr<Transport> transport,
                       const PeerCredentials& peer) ABSL_LOCKS_EXCLUDED(mu_);

  Listeners& listeners() { return listeners_; }
  const Listeners& listeners() const { return listeners_; }
  // Whether there is anything to serve.
  bool any() const;
  // Whether there is nothing to serve, now or later: the server was given only
  // connected sockets, and none of them waits.
  bool exhausted() const ABSL_LOCKS_EXCLUDED(mu_);

  // Used by the polling thread.
  //
  // Passes connections that wait at a listener, or some of them, to `adopt`.
  void Accept(uint64_t token, absl::FunctionRef<void(NewConnection)> adopt);
  // The connections that wait to be adopted.
  std::vector<NewConnection> TakeWaiting() ABSL_LOCKS_EXCLUDED(mu_);

  // After the server was asked to shut down: like a listener's queue, the
  // waiting connections are dropped. Any thread.
  void DropWaiting() ABSL_LOCKS_EXCLUDED(mu_) { (void)TakeWaiting(); }

 private:
  // After an error the caller still owns the socket.
  absl::Status ServeInherited(InheritedSocket& socket) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ListenOn(InheritedSocket& socket, bool removes_file);
  absl::Status ServeConnected(InheritedSocket& socket) ABSL_LOCKS_EXCLUDED(mu_);
  // Serves a service manager's sockets with this name.
  absl::Status ServePassed(std::string_view name) ABSL_LOCKS_EXCLUDED(mu_);
  // A transport over a socket, which is in the ForkLedger until it is
  // destroyed.
  std::unique_ptr<Transport> NewTransport(UniqueFd socket, int type);

  const uint32_t owner_;
  const size_t most_waiting_;
  const ServerLifecycle& lifecycle_;
  const std::function<absl::StatusOr<Poller*>()> open_;
  const std::function<void()> wake_;
  Listeners listeners_;
  // Set before the server serves.
  bool accepts_in_process_ = false;
  bool serves_given_ = false;  // connected sockets

  mutable Mutex mu_;
  std::vector<NewConnection> waiting_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_SOURCES_H_
