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
#include "client/channel_lock.h"
#include "client/connection_reader.h"
#include "client/connectivity.h"
#include "client/keep_alive.h"
#include "client/pending_call.h"
#include "client/pending_calls.h"
#include "client/server_terms.h"
#include "client/waiting_threads.h"
#include "connection/connection.h"
#include "transport/transport.h"

namespace fdrpc {

// The client's end of one connection: sends calls, as far as the server takes
// them, and ends them, by what the server sends or with the connection. Tells
// which calls the server has not seen, so that they are made again elsewhere.
class ClientConnection final
    : private Connection::Role,
      public std::enable_shared_from_this<ClientConnection> {
 public:
  static absl::StatusOr<std::shared_ptr<ClientConnection>> Create(
      std::unique_ptr<Transport> transport, const Hello& hello,
      const Connection::QueueLimits& limits, const KeepAlive& keep_alive,
      absl::Duration max_busy_poll, const Clock& clock,
      std::shared_ptr<Connectivity> connectivity);

  // Whether new calls can be made on it.
  bool usable() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return usable_;
  }
  // Whether the server has said hello.
  bool has_hello() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return server_.has_hello();
  }
  // Who reads it, and waits for what comes; what else calls send on it; and
  // when that is written.
  ConnectionReader& reader() { return reader_; }
  CallSender& sender() { return sender_; }
  BatchedWriter& writer() { return writer_; }

  // Sends the call's beginning, once it is its turn: calls that exceed what the
  // server takes at once wait; one-way calls, which end when they are written,
  // only for room. This and all that follows has what it queues written once
  // the lock is released.
  void Begin(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Sends what stands in the call's outbox, and the half-close, if it can; ends
  // the call if the server does not take it.
  void SendWaiting(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Ends a call from this side. The server hears of it if it has seen it.
  void Abandon(PendingCall& call, absl::Status why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  bool write_blocked() const { return connection_.write_blocked(); }
  // Whether what is sent can still arrive, as far as is known.
  bool sends() const { return connection_.sends(); }

  // Blocks until new calls can be made on it, and the server has said hello;
  // false if it has ended instead, or `deadline` has passed. Looks at the
  // socket in any case.
  bool AwaitReady(MonotonicTime deadline) ABSL_LOCKS_EXCLUDED(channel_mutex);

 private:
  ClientConnection(std::unique_ptr<Transport> transport, const Hello& hello,
                   const Connection::QueueLimits& limits,
                   const KeepAlive& keep_alive, absl::Duration max_busy_poll,
                   const Clock& clock, WaitingThreads threads,
                   std::shared_ptr<Connectivity> connectivity);
  ~ClientConnection() = default;

  // Connection::Role.
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

  // Sends calls that wait for their turn, as far as the limits allow; of all
  // queues, or of one.
  void Admit(ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void Admit(PendingCalls::Queue queue, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  void SendOpen(PendingCall& call, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Does what follows from a frame for the call.
  absl::Status OnCallFrame(PendingCall& call, IncomingFrame& frame,
                           ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  absl::Status OnGoAway(uint32_t last_call_id, std::string_view reason,
                        ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  // Takes the call out of the tables and ends it.
  void Finish(PendingCall& call, absl::Status status, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for a call that the server has not seen, if `unseen`: it is made
  // again, unless too often.
  void FinishUnseen(PendingCall& call, bool unseen, const absl::Status& why,
                    ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The same for a call of which nothing was sent, or all was taken back; what
  // is not made again waits for the server's reason while one may come.
  void EndUnsent(PendingCall& call, const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // Whether the server, which takes nothing more, may have said why, and it is
  // still to be read.
  bool MaySayWhy() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return !connection_.sends() && !connection_.closed() &&
           !server_.goes_away();
  }
  // Ends the calls that the server does not take, now that it has said so.
  void EndUntaken(ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // The next frame of those of a call that were not sent: with its last one the
  // call has been taken back whole.
  void TakeBack(PendingCall& call, OutgoingFrame frame,
                const FrameHeader& header, const absl::Status& why,
                ChannelLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);
  // What is to be told of the connection's end.
  absl::Status WithReason(const absl::Status& why) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex) {
    return reader_.gave_up() ? why : server_.WithReason(why);
  }
  void RefuseNewCalls(const absl::Status& why, ChannelLock& lock)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(channel_mutex);

  const Clock& clock_;
  const std::shared_ptr<Connectivity> connectivity_;
  ChannelMutex& mutex_;

  bool usable_ ABSL_GUARDED_BY(channel_mutex) = true;
  // All frames that were not sent have come back.
  bool sending_ended_ ABSL_GUARDED_BY(channel_mutex) = false;
  ServerTerms server_ ABSL_GUARDED_BY(channel_mutex);
  PendingCalls calls_ ABSL_GUARDED_BY(channel_mutex);

  Connection connection_;
  BatchedWriter writer_{connection_};
  CallSender sender_;
  ConnectionReader reader_;  // the loop's no more before the socket is closed
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CLIENT_CONNECTION_H_
