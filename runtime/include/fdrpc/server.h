#ifndef FDRPC_SERVER_H_
#define FDRPC_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/service.h"

namespace fdrpc {

// Limits below what the protocol guarantees to every client (docs/protocol.md:
// 64 KiB and 16 descriptors a message, 16 calls at once) count as that.
struct ServerOptions {
  // Threads that serve at most; they are started when handlers turn out to
  // block, not before. One of them always reads, so max_threads - 1 handlers
  // can block at once; further calls wait in order. At least 2.
  int max_threads = 64;
  // Connections that are served at once; further ones are closed on arrival.
  int max_connections = 16384;
  // Calls that one connection may have in progress; a client that keeps to it
  // (fdrpc::Channel does) holds further calls back itself.
  uint32_t max_calls_per_connection = 1024;
  // The largest request, in bytes of the serialised message, and descriptors.
  uint32_t max_request_bytes = 64u << 20;
  uint32_t max_request_descriptors = 1024;
  // What one connection may make the server hold of requests that are not yet
  // handled or are being handled, in bytes and descriptors; a request beyond it
  // fails with RESOURCE_EXHAUSTED.
  size_t max_held_bytes_per_connection = 256u << 20;
  size_t max_held_descriptors_per_connection = 4096;
  // How long a client may take from connecting to the end of its handshake.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // How long a request may take from its first piece to its last, before the
  // connection is closed (after twice that time at the latest): a client that
  // began one, with descriptors in it perhaps, and never ends it.
  absl::Duration request_timeout = absl::Seconds(30);
  // How long calls in progress may go on after SIGTERM or Shutdown() before
  // they are cancelled.
  absl::Duration drain_timeout = absl::Seconds(10);
};

class ServerCore;

// Serves services on listening sockets.
//
//   fdrpc::Server server;
//   server.AddService(broker);
//   if (absl::Status s = server.Listen("unix:/run/x.sock"); !s.ok()) …
//   server.Run();
//
// Handlers are called on the server's threads, several at once, also for calls
// of one connection; a handler may block.
//
// Threads: AddService() and Listen() come before Run() or Start(), on one
// thread. Shutdown() may be called from any thread, a handler's included.
class Server {
 public:
  explicit Server(ServerOptions options = {});
  // Shuts down with no drain time, waits for handlers to return. In a child
  // after fork(2), where a server cannot be used, it leaves everything to the
  // parent.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Borrows `service` until the server is destroyed. Two services of one name
  // are a programmer's error.
  void AddService(Service& service);

  // Opens a listening socket; several may be. A socket file of the same name
  // that no server listens on is replaced; one that is in use is not:
  // ALREADY_EXISTS. INVALID_ARGUMENT if `address` is not an address.
  absl::Status Listen(std::string_view address);

  // Serves on the calling thread and those that it starts, until SIGTERM,
  // SIGINT or Shutdown(); then drains and returns. Handles the two signals
  // while it runs and puts the former handlers back; one that comes before,
  // also after Listen(), does what it does to a program without a server. One
  // server of a process may Run() at a time, and a server runs once, after
  // Listen().
  void Run();

  // The same on threads of its own, without handling signals; returns at once.
  absl::Status Start();
  // Stops accepting connections and calls, lets calls in progress go on for
  // `drain_timeout`, then cancels them. Does not block; returns at once when
  // called again.
  void Shutdown();
  void Shutdown(absl::Duration drain_timeout);
  // Blocks until a started server has shut down.
  void Wait();

 private:
  std::unique_ptr<ServerCore> core_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_H_
