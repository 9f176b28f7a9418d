#ifndef FDRPC_CLIENT_CLIENT_CONNECTION_H_
#define FDRPC_CLIENT_CLIENT_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/batched_writer.h"
#include "client/call_sender.h"
#include "client/channel_account.h"
#include "client/channel_lock.h"
#include "client/connection_reader.h"
#include "client/connectivity.h"
#include "client/keep_alive.h"
#include "client/pending_call.h"
#include "client/pending_calls.h"
#include "client/server_terms.h"
#include "client/waiting_threads.h"
#include "connection/connection.h"
#include "fdrpc/service_offer.h"
#include "transport/transport.h"

namespace fdrpc {

// The client's side of one connection: sends calls, as far as the server
// accepts them, and ends them when the server or the connection does. Reports
// which calls the server has not seen, so that they are made again on another
// connection.
class ClientConnection final
    : private Connection::Role,
      public std::enable_shared_from_this<ClientConnection> {
 public:
  // `offer`: what it offers to the server; may be null.
  static absl::StatusOr<std::shared_ptr<ClientConnection>> Create(
      std::unique_ptr<Transport> transport, const Hello& hello,
      const Connection::QueueLimits& limits, const KeepAlive& keep_alive,
      absl::Duration max_busy_poll, const Clock& clock,
      std::shared_ptr<Connectivity> connectivity,
      std::shared_ptr<ChannelAccount> account,
      std::shared_ptr<ServiceOffer> offer = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Whether new calls can be made on it.
  bool usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return usable_;
  }
  // Whether the server's hello has arrived.
  bool has_hello() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return server_.has_hello();
  }
  // The parts of it: for reading and waiting; for sending frames of calls; and
  // for writing.
  ConnectionReader& reader() { return reader_; }
  CallSender& sender() { return sender_; }
  BatchedWriter& writer() { return writer_; }

  // Sends the frames that open the call, when it is its turn. Calls beyond the
  // server's limit of concurrent calls wait; one-way calls, which end when they
  // are written, wait only for room. What this and the following functions
  // queue is written once the lock is released.
  void Begin(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // As CallSender::SendWaiting(), and ends the call if the server does not
  // accept the message.
  void SendWaiting(PendingCall& call, OutgoingFrames& message,
                   ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Ends a call from this side. The server is told if it has seen the call.
  void Abandon(PendingCall& call, absl::Status why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  bool uses_rings() const { return connection_.uses_memory(); }
  bool write_blocked() const { return connection_.write_blocked(); }
  size_t queued_bytes() const { return connection_.queued_bytes(); }
  bool ended() const { return connection_.closed(); }
  // Whether what is sent can still arrive, as far as is known.
  bool sends() const { return connection_.sends(); }

  // Blocks until new calls can be made on it, and the server's hello has
  // arrived; false if it has ended, or `deadline` has passed. Always looks at
  // the socket.
  bool AwaitReady(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);

 private:
  ClientConnection(std::unique_ptr<Transport> transport, const Hello& hello,
                   const Connection::QueueLimits& limits,
                   const KeepAlive& keep_alive, absl::Duration max_busy_poll,
                   const Clock& clock, WaitingThreads threads,
                   std::shared_ptr<Connectivity> connectivity,
                   std::shared_ptr<ChannelAccount> account);
  ~ClientConnection() = default;
  // Says that services are offered, before any call.
  absl::Status Offer(std::shared_ptr<ServiceOffer> offer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Sends the socket for them. If there is none at the moment, the next call
  // tries again.
  absl::Status SendOfferedSocket() ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The server has not received it.
  void LoseOfferedSocket(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Implementation of Connection::Role.
  void OnHello(const Hello& hello) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  absl::Status OnFrame(IncomingFrame& frame) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnPong(uint32_t) override {}
  void OnUnsent(OutgoingFrame frame, const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnSent(uint32_t call_id) override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnSendingEnded(const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnWriteBlockedChanged() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnRoom() override ABSL_LOCKS_EXCLUDED(channel_mutex);
  void OnClosed(const absl::Status& why) override
      ABSL_LOCKS_EXCLUDED(channel_mutex);

  // Sends calls that wait for their turn, as far as the limits allow: of all
  // queues, or of one.
  void Admit(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Admit(PendingCalls::Queue queue, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Sends what waits in the call, and has it written.
  void ResumeSending(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void SendOpen(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  absl::Status OnConnectionFrame(const IncomingFrame& frame, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Does what follows from a frame for the call.
  absl::Status OnCallFrame(PendingCall& call, IncomingFrame& frame,
                           ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnGoAway(uint32_t last_call_id, std::string_view reason,
                        ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Removes the call from the tables and ends it.
  void Finish(PendingCall& call, absl::Status status, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same; if `unseen`, the server has not seen the call, and it is made
  // again, unless that was done too often.
  void FinishUnseen(PendingCall& call, bool unseen, const absl::Status& why,
                    ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for a call of which nothing was sent, or everything was withdrawn.
  // If it is not made again, it waits for the server's reason while one may
  // arrive.
  void EndUnsent(PendingCall& call, const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether the server, which takes nothing more, may have sent a reason that
  // is still to be read.
  bool MayGiveReason() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !connection_.sends() && !connection_.closed() &&
           !server_.goes_away();
  }
  // Ends the calls that the server does not accept, after it has announced the
  // last one that it accepts.
  void EndUntaken(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The next frame of a call's frames that were not sent: with the last one,
  // the whole call has been returned.
  void TakeBack(PendingCall& call, OutgoingFrame frame,
                const FrameHeader& header, const absl::Status& why,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The error that reports the connection's end.
  absl::Status WithReason(const absl::Status& why) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return reader_.gave_up() ? why : server_.WithReason(why);
  }
  void RefuseNewCalls(const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  const Clock& clock_;
  const std::shared_ptr<Connectivity> connectivity_;
  const std::shared_ptr<ChannelAccount> account_;
  ChannelMutex& mutex_;

  bool usable_ ABSL_GUARDED_BY(channel_mutex) = true;
  // All frames that were not sent have been returned.
  bool sending_ended_ ABSL_GUARDED_BY(channel_mutex) = false;
  ServerTerms server_ ABSL_GUARDED_BY(channel_mutex);
  PendingCalls calls_ ABSL_GUARDED_BY(channel_mutex);
  // What it offers, if anything, and what serves it as long as it lasts.
  std::shared_ptr<ServiceOffer> offer_ ABSL_GUARDED_BY(channel_mutex);
  std::shared_ptr<const void> served_ ABSL_GUARDED_BY(channel_mutex);
  bool offer_is_due_ ABSL_GUARDED_BY(channel_mutex) = false;

  Connection connection_;
  BatchedWriter writer_{connection_};
  CallSender sender_;
  ConnectionReader reader_;  // the loop leaves it before the socket is closed
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CLIENT_CONNECTION_H_
