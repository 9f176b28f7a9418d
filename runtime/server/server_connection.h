#ifndef FDRPC_SERVER_SERVER_CONNECTION_H_
#define FDRPC_SERVER_SERVER_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "connection/connection.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/server.h"
#include "os/poller.h"
#include "server/server_call.h"
#include "server/service_registry.h"
#include "transport/transport.h"

namespace fdrpc {

// The server's end of one connection: its methods, its calls from their open
// frame until they have ended, and what they make the server hold. Waits for
// nothing itself: the host tells it when its socket is ready.
class ServerConnection final
    : public ServerCall::Origin,
      private Connection::Role,
      public std::enable_shared_from_this<ServerConnection> {
 public:
  // The server. Called without a lock held, on any thread that uses the
  // connection.
  class Host {
   public:
    // The call's request is complete: its handler is to run.
    virtual void OnCallReady(std::shared_ptr<ServerCall> call) = 0;
    // A request, or a frame of one, has begun that is not complete, where there
    // was none.
    virtual void OnRequestIncomplete(ServerConnection& connection) = 0;
    // interest() has changed.
    virtual void OnInterestChanged(ServerConnection& connection) = 0;
    // A call has ended or the last bytes were written while draining.
    virtual void OnDrainProgress() = 0;
    virtual void OnConnectionClosed(ServerConnection& connection) = 0;

   protected:
    ~Host() = default;
  };

  // Borrows `registry` and `host`, which outlive it. `token` is the host's.
  static std::shared_ptr<ServerConnection> Create(
      std::unique_ptr<Transport> transport, PeerCredentials peer,
      const ServerOptions& options, const ServiceRegistry& registry, Host& host,
      uint64_t token);

  // For the host's one polling thread.
  void OnReadable();
  void OnWritable();
  bool has_hello() const { return connection_.has_hello(); }

  // Since when the oldest request or frame that is not complete is not. Without
  // one, the host is told of the next again.
  std::optional<MonotonicTime> incomplete_since() ABSL_LOCKS_EXCLUDED(mu_);

  // Sends what the handshake begins with.
  void Start() { connection_.Flush(); }
  // Takes no more calls, and tells the client so.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether nothing is left to be done for the client.
  bool drained() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the connection and cancels its calls.
  void Close(const absl::Status& why) { connection_.Close(why); }

  Poller::Interest interest() const;
  int pollable_fd() const { return connection_.pollable_fd(); }
  uint64_t token() const { return token_; }

  // ServerCall::Origin.
  const PeerCredentials& peer() const override { return peer_; }
  const Hello& client_limits() const override { return client_; }
  void SendEnd(uint32_t call_id, OutgoingFrames frames) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void OnCallGone(const ServerCall& call) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  ServerConnection(std::unique_ptr<Transport> transport, PeerCredentials peer,
                   const ServerOptions& options,
                   const ServiceRegistry& registry, Host& host, uint64_t token);

  // Connection::Role.
  void OnHello(const Hello& hello) override { client_ = hello; }
  absl::Status OnFrame(IncomingFrame& frame) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnGoAway(uint32_t) override {}  // the client ends its calls itself
  void OnUnsent(OutgoingFrame frame, const absl::Status& why) override;
  void OnWriteBlockedChanged() override;
  void OnClosed(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);

  // Sees to it that the host looks after what is not complete.
  void NoteIncomplete();
  absl::Status OnMethod(const IncomingFrame& frame);
  absl::Status OnOpen(IncomingFrame& frame) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status OnMessage(IncomingFrame& frame) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status OnCancel(const IncomingFrame& frame) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether a call of that id was ever opened; an error if not.
  absl::Status CheckOpened(uint32_t call_id) const;
  // Adds a piece to the call's request; starts or refuses the call if that
  // makes it complete or impossible.
  void AddPiece(const std::shared_ptr<ServerCall>& call, IncomingFrame& frame,
                std::string_view piece) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Charge(ServerCall& call, size_t bytes, size_t descriptors)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::shared_ptr<ServerCall> Find(uint32_t call_id) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes the call out of the table; null if it is not there.
  std::shared_ptr<ServerCall> Remove(uint32_t call_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Refuse(uint32_t call_id, const absl::Status& status);

  const PeerCredentials peer_;
  const ServerOptions& options_;
  const ServiceRegistry& registry_;
  Host& host_;
  const uint64_t token_;

  // The polling thread's; handlers read client_ of calls that came after it.
  Hello client_;
  std::vector<absl::StatusOr<RegisteredMethod>> methods_;  // by id - 1
  uint32_t last_call_id_ = 0;
  std::optional<uint64_t> partial_frame_;
  MonotonicTime partial_since_;
  bool host_knows_of_incomplete_ = false;

  Mutex mu_;
  absl::flat_hash_map<uint32_t, std::shared_ptr<ServerCall>> calls_
      ABSL_GUARDED_BY(mu_);
  // Of all calls that exist, also of those that were cancelled while they wait
  // for a thread or their handlers run on.
  size_t existing_calls_ ABSL_GUARDED_BY(mu_) = 0;
  size_t held_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  size_t held_descriptors_ ABSL_GUARDED_BY(mu_) = 0;
  std::atomic<bool> draining_{false};

  Connection connection_;  // last: it uses this object until it is gone
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_CONNECTION_H_
