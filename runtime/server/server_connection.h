#ifndef FDRPC_SERVER_SERVER_CONNECTION_H_
#define FDRPC_SERVER_SERVER_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "connection/connection.h"
#include "fdrpc/peer_credentials.h"
#include "fdrpc/server.h"
#include "fdrpc/server_activity.h"
#include "loop/reactor.h"
#include "loop/waker.h"
#include "os/poller.h"
#include "server/call_environment.h"
#include "server/call_table.h"
#include "server/client_accounts.h"
#include "server/client_frames.h"
#include "server/client_offer.h"
#include "server/connected_peer.h"
#include "server/connection_account.h"
#include "server/connection_drain.h"
#include "server/executor.h"
#include "server/given_connection.h"
#include "server/idle_check.h"
#include "server/incoming_call.h"
#include "server/kept_messages_check.h"
#include "server/server_counters.h"
#include "server/service_registry.h"
#include "server/unstarted_calls.h"
#include "transport/transport.h"

namespace fdrpc {

// The server's side of one connection: reads and writes for its calls, which it
// keeps from their open frame until they have ended. Does not wait for anything
// itself: the reactor of its host tells it when its socket is ready.
//
// Calls keep it alive, and handlers keep calls: it may outlive its server.
class ServerConnection final : public Reactor::Source,
                               public IncomingCall::Origin,
                               public DeferredWrite,
                               private Connection::Role {
 public:
  // The server. Called on any thread that uses the connection, without a lock
  // held.
  class Host {
   public:
    // A request, or a frame, has begun and is not complete, and there was none
    // before. On the polling thread.
    virtual void OnRequestIncomplete(ServerConnection& connection) = 0;
    // interest() has changed.
    virtual void OnInterestChanged(ServerConnection& connection) = 0;
    virtual void OnConnectionClosed(ServerConnection& connection) = 0;
    // It uses rings in shared memory from now on. On the polling thread.
    virtual void OnRingsBegun(ServerConnection& connection) = 0;

   protected:
    ~Host() = default;
  };

  // What the connections of a server share: parts of it, which its host keeps
  // alive.
  struct Shared {
    const Clock& clock;
    const ServerOptions& options;
    const ServiceRegistry& registry;
    Executor& executor;
    Reactor& reactor;
    ServerCounters& counters;
    KeptMessagesCheck& kept_messages;
    // Has draining connections advanced.
    Waker& waker;
    const std::shared_ptr<LoopCore>& loop;  // null on threads
  };

  // Keeps `host`. A connection that is to be refused has no share.
  static std::shared_ptr<ServerConnection> Create(
      std::unique_ptr<Transport> transport, const PeerCredentials& peer,
      std::unique_ptr<ClientShare> share, const Shared& shared,
      std::shared_ptr<Host> host, GivenConnection given = {});

  std::shared_ptr<ServerConnection> shared() {
    return std::static_pointer_cast<ServerConnection>(shared_from_this());
  }

  // For the host's polling thread. False if nothing had arrived.
  bool OnReadable();
  bool has_hello() const { return connection_.has_hello(); }
  bool may_be_silent() const { return given_.may_be_silent; }

  // Since when the oldest incomplete request or frame has been incomplete. If
  // there is none, the host is told of the next one again.
  std::optional<MonotonicTime> incomplete_since();

  // Whether no call has been in progress since the last question, or since the
  // beginning.
  bool WasIdle() {
    return idle_check_.Look(partial_frame_.has_value() || !calls_.empty(),
                            frames_.last_call_id());
  }

  // Gives up the rings, if nothing has arrived in them since the last question.
  // Whether it still has rings.
  bool CheckRings();
  bool uses_rings() const { return connection_.uses_memory(); }

  // Sends the beginning of the handshake.
  void Start() { connection_.Flush(); }
  // Tells the client that no calls are accepted here, and why, and ends the
  // connection: instead of Start(), or on the polling thread. What is in its
  // socket counts in `closes` until it is closed.
  void TurnAway(const absl::Status& why,
                const std::shared_ptr<PendingCloses>& closes);
  // Tells the client to make no more calls here (ConnectionDrain).
  void Drain();
  bool draining() const { return drain_.began(); }
  // Makes one step of that; true once nothing is left to be done for the
  // client.
  bool AdvanceDrain(MonotonicTime now);
  // When AdvanceDrain() has something to do even if nothing happens.
  MonotonicTime next_drain_step() const { return drain_.next(has_calls()); }
  bool closed() const { return connection_.closed(); }
  // After it has closed: whether one-way calls continue without it.
  bool has_calls() const { return !calls_.empty(); }
  // Ends the connection and cancels its calls, except one-way calls that have
  // arrived.
  void Close(const absl::Status& why) { connection_.Close(why); }
  void CloseForShutdown() {
    Close(absl::UnavailableError("the server is shutting down"));
  }
  // Ends its calls, including one-way calls, with that status, as far as the
  // client reads.
  void FailCalls(const absl::Status& why);

  // What it does. Any thread.
  ConnectionActivity activity() const;

  Poller::Interest interest() const;
  int pollable_fd() const { return connection_.pollable_fd(); }
  // The reactor's, for the host.
  uint64_t token() const { return token_; }
  void set_token(uint64_t token) { token_ = token; }

  // Implementation of Reactor::Source.
  std::optional<size_t> OnReady(Poller::Event event) override;
  bool CanBePolled() const override { return interest().readable; }
  // Only a connection that is read often needs that memory.
  void OnPollingPassed() override { connection_.ReleaseIdleMemory(); }
  void OnWake() override { (void)OnReady({.readable = true}); }
  bool MayBeReady() override {
    return connection_.MayReceive() && interest().readable;
  }
  bool PrepareToSleep() override;

  // Implementation of IncomingCall::Origin.
  void OnFirstCall() override {
    if (services().takes_descriptors() || offer_.awaits_socket()) return;
    connection_.RefuseDescriptors();
  }
  absl::Status OnOffer(IncomingFrame& frame, bool late) override;
  bool HasRoom() override { return connection_.HasRoom(); }
  void StartLater(std::shared_ptr<IncomingCall> call) override;
  void StartNext() override;
  void Enqueue(OutgoingFrames&& frames) override {
    connection_.Enqueue(frames);
  }
  bool LetsLinger() override {
    return connection_.queued_bytes() < Connection::kMostLingering;
  }
  // Possibly together with what other calls are about to send.
  void Flush() override;
  void WriteNow() override;
  void EndCall(uint32_t id, OutgoingFrames end) override;
  void OnCallGone(bool one_way) override;

 private:
  ServerConnection(std::unique_ptr<Transport> transport,
                   const PeerCredentials& peer,
                   std::unique_ptr<ClientShare> share, const Shared& shared,
                   std::shared_ptr<Host> host, GivenConnection given);

  // Implementation of Connection::Role.
  void OnHello(const Hello& hello) override { frames_.OnHello(hello); }
  absl::Status OnFrame(IncomingFrame& frame) override {
    return frames_.OnFrame(frame, *this);
  }
  void OnPong(uint32_t) override;
  void OnUnsent(OutgoingFrame frame, const absl::Status& why) override;
  void OnSent(uint32_t) override {}
  void OnSendingEnded(const absl::Status& why) override;
  void OnWriteBlockedChanged() override;
  void OnRoom() override;
  void OnClosed(const absl::Status& why) override;

  const ServiceRegistry& services() const {
    return given_.services != nullptr ? *given_.services : shared_.registry;
  }
  // After a read in which rings were used.
  void NoteRings();
  // Makes the host watch over what is incomplete.
  void NoteIncomplete();
  // Has the host watch for requests only while there is room for their replies.
  void UpdateInterest();
  // Reads no more while there are too many one-way calls; and reads again if
  // that was the reason.
  void HoldBack();
  bool ReadOn();

  // The connection counts for its user until the last of its calls is gone.
  const std::unique_ptr<ClientShare> share_;
  const Shared shared_;
  const std::shared_ptr<Host> host_;
  const GivenConnection given_;
  const uint64_t number_;
  const MonotonicTime began_;
  uint64_t token_ = 0;

  // What it reads. Any thread may resume reading that was held back.
  enum class Reading {
    kOn,
    kHeldBack,  // while there are too many one-way calls
    kOver,      // nothing more, because of the drain
  };

  // Used by the polling thread.
  ConnectionDrain drain_;
  std::optional<uint64_t> partial_frame_;
  MonotonicTime partial_since_;
  bool host_knows_of_incomplete_ = false;
  IdleCheck idle_check_;
  bool host_knows_of_rings_ = false;
  size_t frames_at_ring_check_ = 0;

  ConnectionAccount account_;
  const ConnectedPeer peer_;
  ClientOffer::Slot offer_;
  const CallEnvironment call_environment_;
  mutable CallTable calls_;
  ClientFrames frames_;  // the polling thread's
  UnstartedCalls unstarted_;
  // The number of calls that are not in the table any more and whose status is
  // not yet queued.
  std::atomic<int> ending_{0};
  std::atomic<bool> write_deferred_{false};
  std::atomic<Reading> reading_{Reading::kOn};

  Connection connection_;  // last: it uses this object until it is destroyed
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVER_CONNECTION_H_
