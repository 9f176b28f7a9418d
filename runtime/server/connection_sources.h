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
#include "loop/waker.h"
#include "os/inherited_socket.h"
#include "server/given_connection.h"
#include "server/listeners.h"
#include "server/server_lifecycle.h"
#include "transport/revocable_transport.h"
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
    GivenConnection given = {};
    // Its transport is that of a socket, which may have rings beside it.
    bool may_have_rings = false;
  };

  // `owner`: of the sockets, in the ForkLedger. At most `most_waiting`
  // connections wait to be adopted. `open` returns who watches the listeners,
  // and is called before anything is taken that cannot be given back. Wakes,
  // with `waker`, whoever adopts connections.
  ConnectionSources(uint32_t owner, size_t most_waiting,
                    const ServerLifecycle& lifecycle, Waker& waker,
                    const Clock& clock,
                    std::function<absl::StatusOr<Listeners::Watcher>()> open)
      : owner_(owner),
        most_waiting_(most_waiting),
        lifecycle_(lifecycle),
        waker_(waker),
        open_(std::move(open)),
        listeners_(owner, waker, clock) {}
  ConnectionSources(const ConnectionSources&) = delete;
  ConnectionSources& operator=(const ConnectionSources&) = delete;

  // As in Server.
  absl::Status Listen(std::string_view address, const ListenOptions& options)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Listen(UniqueFd socket, bool removes_file);
  absl::Status ServeConnection(UniqueFd socket, GivenConnection given = {})
      ABSL_LOCKS_EXCLUDED(mu_);
  // Channels of this process may Connect(), also before the server serves.
  absl::Status AcceptInProcess();
  // Takes the server's side of a connection, which waits to be adopted.
  // UNAVAILABLE if too many wait, and once the server shuts down. Any thread.
  absl::Status Connect(NewConnection connection) ABSL_LOCKS_EXCLUDED(mu_);
  // Serves one end of a pair of stream sockets that this process has made,
  // while the server serves, and until `revoker`, if it is not null, ends that.
  // Any thread.
  absl::Status ServeOwnPair(UniqueFd socket, const PeerCredentials& peer,
                            GivenConnection given, TransportRevoker* revoker)
      ABSL_LOCKS_EXCLUDED(mu_);

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
  // The connections that wait to be adopted. Once the server was asked to shut
  // down, there are none: like those in a listener's queue they are dropped.
  std::vector<NewConnection> TakeWaiting() ABSL_LOCKS_EXCLUDED(mu_);

  // The same after such a request, at once and on any thread.
  void DropWaiting() ABSL_LOCKS_EXCLUDED(mu_) { (void)TakeWaiting(); }

 private:
  // After an error the caller still owns the socket.
  absl::Status ServeInherited(InheritedSocket& socket) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ListenOn(InheritedSocket& socket, bool removes_file);
  absl::Status ServeConnected(InheritedSocket& socket,
                              GivenConnection given = {})
      ABSL_LOCKS_EXCLUDED(mu_);
  // One of a pair of datagram sockets.
  absl::Status ServePair(InheritedSocket& socket);
  // Serves a service manager's sockets with this name.
  absl::Status ServePassed(std::string_view name) ABSL_LOCKS_EXCLUDED(mu_);
  // A transport over a socket, which is in the ForkLedger until it is
  // destroyed.
  std::unique_ptr<Transport> NewTransport(UniqueFd socket, int type);

  const uint32_t owner_;
  const size_t most_waiting_;
  const ServerLifecycle& lifecycle_;
  Waker& waker_;
  const std::function<absl::StatusOr<Listeners::Watcher>()> open_;
  Listeners listeners_;
  // Set before the server serves.
  bool accepts_in_process_ = false;
  bool serves_given_ = false;  // connected sockets

  mutable Mutex mu_;
  std::vector<NewConnection> waiting_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_SOURCES_H_
