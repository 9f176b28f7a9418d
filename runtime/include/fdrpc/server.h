#ifndef FDRPC_SERVER_H_
#define FDRPC_SERVER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/handler_checks.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/loop.h"
#include "fdrpc/rings.h"
#include "fdrpc/server_activity.h"
#include "fdrpc/server_context.h"
#include "fdrpc/server_interceptor.h"
#include "fdrpc/server_statistics.h"
#include "fdrpc/service.h"
#include "fdrpc/timeout.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Options of a server. A limit below what the protocol guarantees to every
// client (docs/protocol.md: 64 KiB and 16 descriptors for a message or a
// stream, 16 concurrent calls) counts as that.
struct ServerOptions {
  // The most threads that serve (none in a loop). They are started only when
  // handlers block. One of them always reads, so max_threads - 1 handlers can
  // block at once, also in the Read() or Write() of a stream; further calls
  // wait in order. Handlers with callbacks and coroutines hold no thread while
  // they wait. At least 2.
  int max_threads = 64;
  // Whether the server, when it first listens, raises the process's soft limit
  // of open files (RLIMIT_NOFILE) to the hard limit. Programs that the process
  // starts inherit it, and select(2) does not work with descriptors from 1,024
  // on, anywhere in the process. If that matters, set it to false: the server
  // then keeps to the existing limit.
  bool raise_open_files_limit = true;
  // The most connections at once, in all and of one user
  // (PeerCredentials::uid). Further ones are refused, and their calls fail with
  // UNAVAILABLE. Root and the server's own user are not exempt. A connection
  // that has ended counts until the last handler of its calls has ended. For
  // one user, 0 stands for 8,192, or for half of all possible connections if
  // that is less (see below), so that one user alone cannot shut the others
  // out.
  //
  // Connections, and the descriptors that their requests hold (below), are open
  // files until they are closed, which can take long. When it first listens,
  // the server reserves a quarter of RLIMIT_NOFILE for the process itself. So
  // all clients have three quarters, whatever these limits say, and one user
  // half of that (or max_connections_per_user, if that is more).
  int max_connections = 16384;
  int max_connections_per_user = 0;
  // The most calls of one connection in progress. A client that respects it
  // (fdrpc::Channel does) holds further calls back itself. With this many
  // one-way calls in addition, or at half of the limits on held requests
  // (below), the connection is not read until some have ended.
  uint32_t max_calls_per_connection = 1024;
  // The largest request, or message of a stream of requests, in bytes of the
  // serialised message and in descriptors.
  uint32_t max_request_bytes = 64u << 20;
  uint32_t max_request_descriptors = 1024;
  // The most metadata of a call, in bytes of keys, values and 5 for each entry;
  // more fails it with RESOURCE_EXHAUSTED. At most 64 KiB, which is the
  // protocol's limit.
  size_t max_metadata_bytes = 64u << 10;
  // How much may wait to be written on one connection, in bytes and
  // descriptors, while its client does not read. Beyond it, writers of streams
  // wait, the handlers of further calls do not start, and the client is not
  // read from. At least 64 KiB; a small frame counts as 64 bytes. Messages of
  // more than 672 KiB count separately: there are at most four, besides the
  // replies of handlers that have started. Descriptors that the kernel has
  // taken and the client has not received count separately: there are at most
  // 128, and a 32nd of RLIMIT_NOFILE, or those of one message; further ones
  // wait. All connections of one user together have an eighth of RLIMIT_NOFILE
  // queued, and as many in the kernel; beyond that, each continues with one
  // message at a time.
  size_t max_queued_bytes_per_connection = 1u << 20;
  size_t max_queued_descriptors_per_connection = 128;
  // How much the client of one stream may send beyond what its handler has
  // read, in bytes and descriptors. The message that reaches the limit is still
  // received as a whole, so a stream holds at most this and one message.
  uint32_t stream_window_bytes = 256u << 10;
  uint32_t stream_window_descriptors = 256;
  // How much one connection may make the server hold of requests that are
  // waiting or being handled, and of streams' requests that are not yet read,
  // in bytes, including metadata, and in descriptors; and how many bytes for
  // all connections of one user. A call that exceeds it fails with
  // RESOURCE_EXHAUSTED.
  size_t max_held_bytes_per_connection = 256u << 20;
  size_t max_held_bytes_per_user = 1u << 30;
  size_t max_held_descriptors_per_connection = 4096;
  // How long a client may take from connecting to the end of its handshake.
  Timeout handshake_timeout = absl::Seconds(10);
  // How long a request, or a message of a stream, may take from its first piece
  // to its last. Then the connection is closed (at the latest after twice that
  // time), because an incomplete request can hold descriptors for ever. A
  // stream may be idle between messages for any time.
  Timeout request_timeout = absl::Seconds(30);
  // How long calls in progress may continue after SIGTERM or Shutdown() before
  // they are cancelled.
  Timeout drain_timeout = absl::Seconds(10);
  // The time without a call after which the server shuts down (at the latest
  // after twice that time), to be started again when it is needed
  // (systemd.socket(5)). Clients may stay connected meanwhile; their next call
  // finds the next server. At least a millisecond.
  Timeout idle_timeout = absl::InfiniteDuration();
  // The age at which a connection's client is asked to make a new one, which
  // calls do not notice, and how long calls in progress may then continue on
  // the old one (gRPC's MAX_CONNECTION_AGE and its grace, without the random
  // part).
  Timeout max_connection_age = absl::InfiniteDuration();
  Timeout max_connection_age_grace = absl::InfiniteDuration();
  // The time without a call after which a connection is ended in the same way
  // (at the latest after twice that time), so that idle peers hold no
  // descriptor here (gRPC's MAX_CONNECTION_IDLE). A call in progress keeps its
  // connection, even if nothing arrives on it. At least a millisecond.
  Timeout max_connection_idle = absl::InfiniteDuration();
  // Whether to notify the service manager that started the process
  // (sd_notify(3); systemd's Type=notify): READY=1 when the server serves,
  // STOPPING=1 when it begins to shut down, and, if the manager has a watchdog
  // for this process, WATCHDOG=1 twice in its time. The watchdog's messages
  // come from the polling thread, and stop if that is stuck. For one server of
  // a process. If there is no manager (NOTIFY_SOCKET) when the server listens,
  // nothing is sent.
  bool notify_service_manager = false;
  // How long the server's polling thread polls for clients that have been quick
  // to call again before it sleeps: being woken takes tens of microseconds, and
  // polling sees the call in a few. It polls only while calls come so densely
  // that this pays, never if the thread may use only one CPU, and an idle
  // server sleeps. Zero: it always sleeps. Not in a loop.
  Timeout max_busy_poll = absl::Microseconds(50);
  // When connections use rings in shared memory, if their clients offer that,
  // and the size of the ring for what the server sends: a power of two from
  // 16 KiB to 4 MiB, to which other sizes are rounded up. kAtOnce differs from
  // kAutomatic by having them with one CPU, too.
  Rings rings = Rings::kAutomatic;
  uint32_t ring_bytes = 256u << 10;
  // The most memory of rings, of both sides, for all connections and for those
  // of one user. Further connections stay on their sockets. With rings of 256
  // KiB, a connection has 520 KiB.
  size_t max_ring_bytes = 256u << 20;
  size_t max_ring_bytes_per_user = 128u << 20;
  // They see each call before its handler; the first one sees it first, and its
  // results last.
  std::vector<std::shared_ptr<ServerInterceptor>> interceptors = {};
};

class ServerCore;

// Serves services on listening sockets, and to channels of its own process
// (fdrpc/in_process_channel.h).
//
//   fdrpc::Server server;
//   server.AddService(broker);
//   if (absl::Status s = server.Listen("unix:/run/x.sock"); !s.ok()) …
//   server.Run();
//
// Handlers are called on the server's threads, several at once, also for calls
// of one connection; a handler may block. Callbacks and coroutines continue on
// the same threads. A server that is started in a loop has no threads: all of
// it runs where the loop runs, one thing at a time.
//
// A server that has opened nothing yet can be used in a child made by fork(2)
// or daemon(3). Otherwise it cannot: there, the server and the calls of its
// handlers do nothing, while the parent's continue; functions that return a
// status give FAILED_PRECONDITION, and Run() is a programmer's error. A child
// that continues without exec(2) should destroy its copy, or its copies of the
// sockets outlive the parent.
//
// Threads: AddService() and Listen() come before Run() or Start(), on one
// thread. Shutdown() may be called from any thread, including a handler's.
class FDRPC_API Server {
 public:
  explicit Server(ServerOptions options = {});
  // Shuts down without a drain time, and waits for handlers to end: to return
  // or, with callbacks, to call Finish() or release their calls. In a child
  // made by fork(2) it leaves everything to the parent, and closes the child's
  // copies of sockets and the lock. The conditions of Wait() for loops and
  // handlers apply. But a static server does not wait when a handler calls
  // exit(3): its handlers end with the process.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Borrows `service` until the server is destroyed. Two services with one name
  // are a programmer's error.
  void AddService(Service& service);
  // The same, for a class that derives from a generated one. Does not compile
  // if one of its methods only hides a handler.
  template <typename Derived>
  requires std::is_convertible_v<Derived*, Service*>
  void AddService(Derived& service) {
    internal::CheckService<Derived>();
    AddService(static_cast<Service&>(service));
  }

  // The same, and owns `service` until the server is destroyed.
  void AddService(std::unique_ptr<Service> service);
  // Those that were added, in that order; borrowed from the server. Not while
  // another thread adds one.
  std::vector<const Service*> services() const;

  // Opens a listening socket; a server can have several. Nobody can connect
  // before its file has the properties of `options`. A socket file of the same
  // name that no server listens on is replaced; one that is in use is not:
  // ALREADY_EXISTS. INVALID_ARGUMENT if `address` is not an address;
  // docs/errors.md has further errors. "fd:7" is a socket that this process has
  // inherited under that number, which the server owns from then on: a
  // listening one, or a connected one, as for ServeConnection(). "systemd:NAME"
  // means the sockets of either kind that a service manager has passed to this
  // process under that name (sd_listen_fds(3)), "systemd:" all of them; each
  // can be taken once in a process.
  absl::Status Listen(std::string_view address,
                      const ListenOptions& options = {});

  // Serves on a listening socket, or a bound datagram socket, that was made
  // elsewhere: handed over by a predecessor, or inherited. `file` says whether
  // the server removes its socket file. INVALID_ARGUMENT for another
  // descriptor.
  enum class SocketFile { kIsLeft, kIsRemovedAtTheEnd };
  absl::Status Listen(UniqueFd listener, SocketFile file = SocketFile::kIsLeft);

  // Serves one connection, over a connected Unix-domain stream or seqpacket
  // socket: one socket of a socketpair(2), for example, while a child or parent
  // makes a channel of the other (Channel::FromSocket()). Before the server
  // serves, call it on the thread that prepares it; later on any. A server that
  // serves only such connections shuts down when the last one has ended.
  // INVALID_ARGUMENT for another descriptor, UNAVAILABLE once the server shuts
  // down.
  absl::Status ServeConnection(UniqueFd socket);

  // Serves `service`, and nothing else, over such a socket; its client may be
  // silent for any time before its first call. Keeps `service` until the other
  // end is closed, or the server shuts down, and the last handler of its calls
  // has ended. Then it is released on a thread of the server, or in its loop,
  // which its destructor must not block: so the service learns that nobody
  // holds the other end any more. ServerOptions::max_connections and
  // max_connections_per_user also count such connections, for the user who has
  // made the pair (but see ServerForClient). From any thread, before and while
  // the server serves; otherwise as above.
  absl::Status ServeConnection(UniqueFd socket,
                               std::shared_ptr<Service> service);

  // Lets the server serve without a socket, until Shutdown(): it serves what it
  // is given later, such as ServeConnection(). Before it serves. Errors of
  // Listen() that have nothing to do with an address.
  absl::Status AwaitConnections();

  // Returns duplicates of the listening sockets, in the order of Listen(), for
  // a successor that listens on them, in this process or another. Both accept
  // connections until this server's Shutdown(), which then loses no call:
  // connections that wait in a socket's queue are the successor's. This server
  // does not touch the socket files any more. From any thread, including a
  // handler's. FAILED_PRECONDITION once it shuts down.
  absl::StatusOr<std::vector<UniqueFd>> HandOver();

  // Serves on the calling thread and on those that it starts, until SIGTERM,
  // SIGINT or Shutdown(); then drains and returns. Handles the two signals
  // while it runs, and then restores the former handlers; a signal that is
  // ignored, as by nohup(1), stays ignored. A signal that comes earlier, even
  // after Listen(), has the effect that it has in a program without a server,
  // and so it does in a child made by fork(2). One server of a process may
  // Run() at a time, and a server runs once, after Listen() or
  // InProcessChannel().
  void Run();

  // The same on threads of its own, without handling signals; returns at once.
  absl::Status Start();
  // The same within `loop`, on whatever thread runs it; the server has no
  // threads of its own. The loop may already be running, and may have other
  // users. A handler that blocks holds all of them up. One that blocks in the
  // Read() or Write() of a stream would wait for what only the loop can do,
  // which is a programmer's error: use AsyncService or CoService. Errors of
  // epoll_ctl(2).
  absl::Status Start(Loop loop);
  // Stops accepting connections and calls, lets calls in progress continue for
  // `drain_timeout`, then cancels them. Does not block; further calls do
  // nothing.
  void Shutdown();
  void Shutdown(Timeout drain_timeout);
  // Blocks until a started server has shut down and its handlers have ended. A
  // server in a loop is left to the thread that the loop belongs to
  // (fdrpc/loop.h); on that thread, or if there is none, this runs the loop
  // meanwhile. It is a programmer's error in a handler, or in a callback of the
  // loop.
  void Wait();

  // From any thread, also after the server has ended.
  ServerStatistics statistics() const;
  // Its connections and users one by one, and its methods if their calls are
  // counted. The same, but not from two threads while one of them adds a
  // service. Costs system calls for each connection.
  ServerActivity activity() const;
  // Counts the calls of each method from now on, which costs two looks at the
  // clock and a few additions for each call. Not those of services that are
  // given with a socket (ServeConnection()). Before it serves.
  void CountCalls();

 private:
  friend class InProcessConnector;
  friend class OfferedServices;
  friend class OnClock;  // of the tests
  friend class ServerForClient;

  std::shared_ptr<ServerCore> core_;
};

// Serves services that a handler gives to its client, in messages, and counts
// them for that client's user: so a user who asks for too many is refused, and
// nobody else.
//
//   fdrpc::ServerForClient server(server_, context);
//   return reply.serve_log(server, std::make_shared<Log>());
//
// Borrows the server. Threads: as Server::ServeConnection().
class FDRPC_API ServerForClient {
 public:
  ServerForClient(Server& server, const ServerContext& context)
      : server_(server), user_(context.peer().uid) {}

  absl::Status ServeConnection(UniqueFd socket,
                               std::shared_ptr<Service> service);

 private:
  Server& server_;
  const uid_t user_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_H_
