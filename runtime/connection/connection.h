#ifndef FDRPC_CONNECTION_CONNECTION_H_
#define FDRPC_CONNECTION_CONNECTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "connection/connection_trace.h"
#include "connection/frame_builder.h"
#include "connection/queue_room.h"
#include "connection/traffic.h"
#include "connection/write_queue.h"
#include "os/fork_generation.h"
#include "transport/transport.h"
#include "wire/frame_rules.h"
#include "wire/hello.h"

namespace fdrpc {

// One side of a connection. It owns the transport, does the handshake, queues
// and writes frames, and passes each received frame to the role above it, the
// client's or the server's. It knows nothing of calls and has no thread:
// threads that enqueue frames also write them, and one thread at a time reads.
class Connection {
 public:
  // The client's or the server's part. Its functions are called without a lock
  // held.
  class Role {
   public:
    // The peer's hello has arrived. Called on the reader's thread, like the
    // next two.
    virtual void OnHello(const Hello& hello) = 0;
    // A frame for a call has arrived, with a valid header (CheckFrame()). An
    // error says how the peer broke the protocol, and ends the connection.
    virtual absl::Status OnFrame(IncomingFrame& frame) = 0;
    // The peer has read everything up to the ping with that argument, or has
    // sent a pong without a ping.
    virtual void OnPong(uint32_t argument) = 0;
    // Nothing of `frame` was sent, nor will be. On any thread that uses the
    // connection. If sends(), only this frame was refused, and the queued
    // frames of its call after it have been dropped; of the connection's own
    // frames, that can be an offer. Otherwise it is called for each queued
    // frame of a call, in order.
    virtual void OnUnsent(OutgoingFrame frame, const absl::Status& why) = 0;
    // A frame with OutgoingFrame::tells_when_sent has been written completely.
    // On any thread that uses the connection.
    virtual void OnSent(uint32_t call_id) = 0;
    // The peer takes nothing more, but what it has sent can still be read.
    // Called once, after every OnUnsent(), unless the connection has ended.
    virtual void OnSendingEnded(const absl::Status& why) = 0;
    // write_blocked() has changed: writing has begun or ceased to wait for room
    // in the socket.
    virtual void OnWriteBlockedChanged() = 0;
    // There is room again after HasRoom() has returned false.
    virtual void OnRoom() = 0;
    // The connection has ended. Called once, after every OnUnsent().
    virtual void OnClosed(const absl::Status& why) = 0;

   protected:
    ~Role() = default;
  };

  // How many bytes may stay queued, to be sent with later ones, by threads that
  // call Flush() later.
  static constexpr size_t kMostLingering = 16u << 10;

  using QueueLimits = QueueRoom::Limits;
  using Size = QueueRoom::Size;

  // Queues the hello. `peer` says which side the peer is; `role`, that of the
  // other side, is borrowed, and must outlive the connection.
  Connection(std::unique_ptr<Transport> transport, const Hello& hello,
             const QueueLimits& limits, Side peer, Role& role);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Queues frames in this order, without frames of another thread between them;
  // but the frames of a large message take turns with those of other calls
  // (FrameQueue). False if !sends(); the frames are then unchanged. Call
  // Flush() afterwards, without a lock held.
  bool Enqueue(OutgoingFrames& frames) ABSL_LOCKS_EXCLUDED(mu_);
  bool Enqueue(OutgoingFrame frame) ABSL_LOCKS_EXCLUDED(mu_);
  // Queues a copy, as FrameQueue::PushCopy().
  bool EnqueueCopy(const OutgoingFrame& bare) ABSL_LOCKS_EXCLUDED(mu_);

  // Removes the queued frames of a call and closes their descriptors, unless a
  // thread is writing. True if nothing of the call was sent, so the peer need
  // not be told. Call Flush() afterwards, too.
  bool Withdraw(uint32_t call_id) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes the queued frames, as far as there is room. If another thread is
  // writing, that thread writes these frames too. Never blocks.
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);
  // The same, for the reader after it has found that there is room.
  void OnWritable() ABSL_LOCKS_EXCLUDED(mu_);

  // For the reader: receives what has arrived, with one system call, and passes
  // every complete frame to the role. Never blocks. False if nothing had
  // arrived, or the connection has ended.
  bool Read() ABSL_LOCKS_EXCLUDED(mu_);
  // For the reader. As the functions of Transport: before it sleeps, and while
  // it polls.
  bool PrepareToSleep() { return closed() || transport_->PrepareToSleep(); }
  bool MayReceive() { return !closed() && transport_->MayReceive(); }
  bool arrives_in_memory() const { return transport_->arrives_in_memory(); }
  // As the functions of Transport: the connection is busy, or has been idle.
  // Any thread. Call Flush() afterwards.
  void OnBusy() { transport_->OnBusy(); }
  void OnIdle() { transport_->OnIdle(); }
  bool uses_memory() const { return transport_->uses_memory(); }
  // How many frames have been passed to the role. For the reader.
  size_t frames_read() const { return received_.frames(); }
  // The same and those that were written.
  size_t frames() const { return received_.frames() + written_.frames(); }
  // How often something was received or written.
  size_t transfers() const {
    return received_.transfers() + written_.transfers();
  }
  // What has arrived, and what was written. Any thread.
  const Traffic& received() const { return received_; }
  const Traffic& written() const { return written_; }
  // Receives nothing more from the peer: the reader gets what the peer has sent
  // before, and then the end. Any thread.
  void EndReceiving() { transport_->ShutdownReceiveSoon(); }
  // As Transport::RefuseDescriptors().
  void RefuseDescriptors() { transport_->RefuseDescriptors(); }
  // For the reader: the same at once, and passes on what the peer has sent. Do
  // not read after that.
  void ReadRest() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the connection: what is not sent is dropped. The first call reports it
  // to the role.
  void Close(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether more may be queued. False while more is queued than the limits
  // allow, because the peer does not read; then OnRoom() is called once, when
  // the queue is half empty or the connection has ended. Large messages do not
  // stop single frames. Frames that are limited in number by themselves
  // (credit, statuses) need not ask.
  bool HasRoom(Size size = Size::kAny) ABSL_LOCKS_EXCLUDED(mu_);
  // The same, without asking for OnRoom().
  bool within_limits() const { return room_.Within(Size::kAny, 1); }

  // Whether this object is a child's copy after fork(2). Such a copy does
  // nothing: what it sent or ended would be the parent's connection, and
  // another thread may have held its lock.
  bool inherited_by_fork() const { return fork_mark_.inherited(); }
  // Whether OnUnsent() may still be called for a frame with descriptors.
  bool MayGiveBackDescriptors() ABSL_LOCKS_EXCLUDED(mu_);
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  // Whether queued frames can still reach the peer, as far as is known.
  bool sends() const { return sends_.load(std::memory_order_acquire); }
  bool write_blocked() const {
    return blocked_.load(std::memory_order_acquire);
  }
  // The amounts in the queue, as QueueRoom counts them.
  size_t queued_bytes() const { return room_.bytes(); }
  size_t queued_descriptors() const { return room_.descriptors(); }
  int pollable_fd() const { return transport_->pollable_fd(); }
  // For the reader.
  std::optional<uint64_t> partial_frame() const {
    return transport_->PartialFrame();
  }
  void ReleaseIdleMemory() ABSL_LOCKS_EXCLUDED(mu_);
  bool has_hello() const { return has_hello_; }
  const ConnectionTrace& trace() const { return trace_; }

 private:
  // Receives what has arrived, with one system call.
  Transport::ReceiveOutcome Receive() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Dispatch(IncomingFrame& frame);
  absl::Status TakeHello(const IncomingFrame& frame);
  absl::Status Pong(uint32_t argument);

  void MarkClosed(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopSending(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes this thread the writer, until there is nothing left for it to do.
  void WriteAndUnlock() ABSL_UNLOCK_FUNCTION(mu_);
  // Writes until the queue is empty or there is no room, which `blocked` then
  // says; releases the lock during system calls. Returns why the connection
  // broke, or OK.
  absl::Status WriteQueued(WriteQueue::Removed& removed, bool& blocked)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::unique_ptr<Transport> transport_;
  const Hello hello_;
  const Side peer_side_;
  Role& role_;
  const ForkMark fork_mark_;
  const ConnectionTrace trace_;
  bool has_hello_ = false;  // the reader's
  Traffic received_;        // counted by the reader

  Mutex mu_ ABSL_ACQUIRED_AFTER(lock_order::connection);
  // The contents of queue_, counted. Read without the lock, and changed with
  // it.
  QueueRoom room_;
  WriteQueue queue_ ABSL_GUARDED_BY(mu_){room_};
  // A thread is the writer: only it sends, and removes frames from the queue.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool close_reported_ ABSL_GUARDED_BY(mu_) = false;
  bool sending_end_reported_ ABSL_GUARDED_BY(mu_) = false;
  // Why it sends nothing more.
  absl::Status end_reason_ ABSL_GUARDED_BY(mu_);
  Traffic written_;  // counted by the thread that writes
  std::atomic<bool> closed_{false};
  std::atomic<bool> sends_{true};
  std::atomic<bool> blocked_{false};
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_CONNECTION_H_
