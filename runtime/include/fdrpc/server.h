#ifndef FDRPC_SERVER_H_
#define FDRPC_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/internal/handler_checks.h"
#include "fdrpc/listen_options.h"
#include "fdrpc/loop.h"
#include "fdrpc/server_interceptor.h"
#include "fdrpc/server_statistics.h"
#include "fdrpc/service.h"
#include "fdrpc/timeout.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Limits below what the protocol guarantees to every client (docs/protocol.md:
// 64 KiB and 16 descriptors a message or a stream, 16 calls at once) count as
// that.
struct ServerOptions {
  // Threads that serve at most (none in a loop); started when handlers turn out
  // to block, not before. One of them always reads, so max_threads - 1 handlers
  // can block at once, also in the Read() or Write() of a stream; further calls
  // wait in order. Handlers with callbacks and coroutines hold no thread while
  // they wait. At least 2.
  int max_threads = 64;
  // Has the server, when it first listens, raise the process's limit of open
  // files to what it may be without privileges: RLIMIT_NOFILE's soft limit to
  // the hard one. Programs that the process starts inherit that, and select(2)
  // knows no descriptors from 1,024 on, wherever the process uses it; then say
  // false, and the server keeps to the limit that there is.
  bool raise_open_files_limit = true;
  // Connections that are served at once, and how many of them one user may
  // have, whom the kernel names (PeerCredentials::uid): further ones are turned
  // away on arrival, and their calls fail with UNAVAILABLE. Nobody is exempt,
  // not root and not the server's own user. A connection that has ended counts
  // until the last handler of its calls has. Of one user, 0 stands for 8,192,
  // or for half of what there can be if that is less (see below): so one user
  // alone cannot shut the others out.
  //
  // Connections and the descriptors that their requests hold (below) are open
  // files, until they are closed, which can take long. The server keeps a
  // quarter of what RLIMIT_NOFILE allows, when it first listens, for the
  // process's own; so all clients have three quarters, whatever these limits
  // say, and one user half of that (as many as max_connections_per_user, if
  // that says more).
  int max_connections = 16384;
  int max_connections_per_user = 0;
  // Calls that one connection may have in progress; a client that keeps to it
  // (fdrpc::Channel does) holds further calls back itself. At as many one-way
  // calls beside, or at half of what may be held (below), the connection is not
  // read until some have ended.
  uint32_t max_calls_per_connection = 1024;
  // The largest request, or message of a stream of requests, in bytes of the
  // serialised message, and descriptors.
  uint32_t max_request_bytes = 64u << 20;
  uint32_t max_request_descriptors = 1024;
  // The most metadata that a call may bring, in bytes of keys, values and 5 for
  // each entry; more fails it with RESOURCE_EXHAUSTED. At most 64 KiB, which is
  // the protocol's limit.
  size_t max_metadata_bytes = 64u << 10;
  // What may wait to be written on one connection, in bytes and descriptors,
  // while its client does not read: beyond it writers of streams wait, the
  // handlers of further calls are not begun, and the client is not read from.
  // At least 64 KiB; a small frame counts as 64 bytes. Messages of more than
  // 672 KiB count apart: there are at most four, besides the replies of
  // handlers that have begun. Of descriptors, those that the kernel has taken
  // and the client has not received count apart: there are at most 128, and a
  // 32nd of RLIMIT_NOFILE, or what one message has, and further ones wait. All
  // connections of one user together have an eighth of RLIMIT_NOFILE queued,
  // and as many with the kernel; beyond that, each goes on one message at a
  // time.
  size_t max_queued_bytes_per_connection = 1u << 20;
  size_t max_queued_descriptors_per_connection = 128;
  // What the client of one stream may send beyond what its handler has read, in
  // bytes and descriptors. The message that reaches it still comes as a whole,
  // so a stream holds at most this and one message.
  uint32_t stream_window_bytes = 256u << 10;
  uint32_t stream_window_descriptors = 256;
  // What one connection may make the server hold of requests that are not yet
  // handled or are being handled, and of streams' requests that are not yet
  // read, in bytes, metadata's included, and descriptors; and of bytes, what
  // all connections of one user may. A call that goes beyond it fails with
  // RESOURCE_EXHAUSTED.
  size_t max_held_bytes_per_connection = 256u << 20;
  size_t max_held_bytes_per_user = 1u << 30;
  size_t max_held_descriptors_per_connection = 4096;
  // How long a client may take from connecting to the end of its handshake.
  Timeout handshake_timeout = absl::Seconds(10);
  // How long a request, or message of a stream, may take from its first piece
  // to its last, before the connection is closed (after twice that time at the
  // latest): a client that began one, with descriptors in it perhaps, and never
  // ends it. A stream may be idle between messages for as long as it likes.
  Timeout request_timeout = absl::Seconds(30);
  // How long calls in progress may go on after SIGTERM or Shutdown() before
  // they are cancelled.
  Timeout drain_timeout = absl::Seconds(10);
  // After how long without a call the server shuts down by itself, to be
  // started again when it is needed (systemd.socket(5)): at the latest after
  // twice that time. Clients may stay connected meanwhile; their next call
  // finds the next server. At least a millisecond.
  Timeout idle_timeout = absl::InfiniteDuration();
  // How old a connection may get before its client is asked to make a new one,
  // of which calls notice nothing, and how long calls in progress may then go
  // on on it (gRPC's MAX_CONNECTION_AGE and its grace, without the random
  // part).
  Timeout max_connection_age = absl::InfiniteDuration();
  Timeout max_connection_age_grace = absl::InfiniteDuration();
  // After how long without a call a connection is ended in the same way, so
  // that peers which went quiet hold no descriptor here: at the latest after
  // twice that time (gRPC's MAX_CONNECTION_IDLE). A call in progress keeps its
  // connection, though nothing comes on it. At least a millisecond.
  Timeout max_connection_idle = absl::InfiniteDuration();
  // Tells the service manager that started the process how the server fares
  // (sd_notify(3); systemd's Type=notify): READY=1 once it serves, STOPPING=1
  // when it begins to shut down, and, if the manager has a watchdog for this
  // process, WATCHDOG=1 twice in its time, from where the server polls: one
  // that is stuck there falls silent. For one server of a process. Where there
  // is no manager that asks for it (NOTIFY_SOCKET) when the server listens,
  // nothing is sent.
  bool notify_service_manager = false;
  // For how long the server's polling thread, when it waits for clients that
  // have been quick to call again, polls before it sleeps: to be woken takes
  // tens of microseconds, and polling answers in few. It polls only while calls
  // come so densely that it pays, never where the thread may use one CPU only,
  // and an idle server sleeps. Zero: it always sleeps. Not in a loop.
  Timeout max_busy_poll = absl::Microseconds(50);
  // See each call before its handler; the first sees it first, and what comes
  // of it last.
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
// of one connection; a handler may block. Callbacks and coroutines go on on the
// same threads. A server that is started in a loop has no threads: all of it
// runs where the loop runs, one thing at a time.
//
// One that has opened nothing yet may be taken along by fork(2) or daemon(3).
// Otherwise it cannot be used in a child: there it and the calls that its
// handlers have do nothing, and the parent's go on; what returns a status gives
// FAILED_PRECONDITION, and Run() is a programmer's error. A child that lives on
// without exec(2) is to destroy it, or its copies of the sockets outlive the
// parent.
//
// Threads: AddService() and Listen() come before Run() or Start(), on one
// thread. Shutdown() may be called from any thread, a handler's included.
class Server {
 public:
  explicit Server(ServerOptions options = {});
  // Shuts down with no drain time and waits for handlers to end: to return, and
  // those with callbacks to Finish() or let go of their calls. In a child after
  // fork(2) it leaves everything to the parent, and closes the child's copies
  // of sockets and the lock. What Wait() says of loops and of handlers is true
  // of it, too; but a static server does not wait when a handler calls exit(3):
  // what is left ends with the process.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Borrows `service` until the server is destroyed. Two services of one name
  // are a programmer's error.
  void AddService(Service& service);
  // The same, for a class that derives from a generated one. Does not compile
  // if one of its methods only seems to be a handler.
  template <typename Derived>
  requires std::is_convertible_v<Derived*, Service*>
  void AddService(Derived& service) {
    internal::CheckService<Derived>();
    AddService(static_cast<Service&>(service));
  }

  // Opens a listening socket; several may be. Nobody can connect before its
  // file is as `options` say. A socket file of the same name that no server
  // listens on is replaced; one that is in use is not: ALREADY_EXISTS.
  // INVALID_ARGUMENT if `address` is not an address; further errors in
  // docs/errors.md. "fd:7" is a socket that this process has inherited under
  // that number, which is the server's from then on: one that listens, or a
  // connected one, as for ServeConnection(). "systemd:NAME" are sockets of
  // either kind that a service manager has passed to this process under that
  // name (sd_listen_fds(3)), "systemd:" all of them; each is taken once in a
  // process.
  absl::Status Listen(std::string_view address,
                      const ListenOptions& options = {});

  // Serves on a listening socket, or a bound datagram socket, which somebody
  // else has made: handed over by a predecessor, or inherited. Whose socket
  // file it is, `file` says. INVALID_ARGUMENT if it is another descriptor.
  enum class SocketFile { kIsLeft, kIsRemovedAtTheEnd };
  absl::Status Listen(UniqueFd listener, SocketFile file = SocketFile::kIsLeft);

  // Serves one connection, over a connected stream or seqpacket socket of the
  // Unix domain: one end of a socketpair(2), say, whose other end a child or
  // parent makes a channel of (Channel::FromSocket()). Before the server
  // serves, on the thread that makes it ready; then on any. A server that
  // serves such connections and nothing else shuts down when the last one has
  // ended. INVALID_ARGUMENT if it is another socket, UNAVAILABLE once the
  // server shuts down.
  absl::Status ServeConnection(UniqueFd socket);

  // Gives the listening sockets, in the order of Listen(), to a successor that
  // is to Listen() on them, in this process or another: both accept connections
  // until Shutdown(), by which then no call is lost or fails, since what waits
  // in a socket's queue is the successor's. This server leaves the socket files
  // alone from now on. From any thread, a handler's included.
  // FAILED_PRECONDITION once it shuts down.
  absl::StatusOr<std::vector<UniqueFd>> HandOver();

  // Serves on the calling thread and those that it starts, until SIGTERM,
  // SIGINT or Shutdown(); then drains and returns. Handles the two signals
  // while it runs and puts the former handlers back; one that is ignored, as by
  // nohup(1), stays ignored. A signal that comes before, also after Listen(),
  // does what it does to a program without a server, as it does in a child made
  // by fork(2). One
  // server of a process may Run() at a time, and a server runs once, after
  // Listen() or InProcessChannel().
  void Run();

  // The same on threads of its own, without handling signals; returns at once.
  absl::Status Start();
  // The same within `loop`, on whatever thread runs it; the server has none of
  // its own. The loop may be running already, and may have other users. A
  // handler that blocks holds all of them up, and one that blocks in the Read()
  // or Write() of a stream would wait for what only the loop can bring: this is
  // a programmer's error, for which AsyncService and CoService are the remedy.
  // Errors of epoll_ctl(2).
  absl::Status Start(Loop loop);
  // Stops accepting connections and calls, lets calls in progress go on for
  // `drain_timeout`, then cancels them. Does not block; returns at once when
  // called again.
  void Shutdown();
  void Shutdown(Timeout drain_timeout);
  // Blocks until a started server has shut down and its handlers have ended.
  // One in a loop is left to the thread that the loop belongs to
  // (fdrpc/loop.h); on that thread, or if there is none, it runs the loop
  // meanwhile. In a handler, or in what its loop calls, it is a programmer's
  // error.
  void Wait();

  // From any thread, also after the end.
  ServerStatistics statistics() const;

 private:
  friend class InProcessConnector;

  std::shared_ptr<ServerCore> core_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_H_
