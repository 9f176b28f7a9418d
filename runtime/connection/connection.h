#ifndef FDRPC_CONNECTION_CONNECTION_H_
#define FDRPC_CONNECTION_CONNECTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "connection/frame_builder.h"
#include "connection/frame_queue.h"
#include "os/descriptor_quota.h"
#include "os/fork_generation.h"
#include "transport/transport.h"
#include "wire/hello.h"

namespace fdrpc {

// One end of a connection: owns its transport, makes the handshake, queues and
// writes frames, and hands each frame that arrives to the role above it, the
// client's or the server's, which knows the calls. Has no thread: who enqueues
// also writes, and one thread at a time is the reader.
class Connection {
 public:
  // The role. Called without a lock held.
  class Role {
   public:
    // The peer's hello has come. On the reader's thread, as are the next two.
    virtual void OnHello(const Hello& hello) = 0;
    // A frame that is no affair of the connection's. An error says what the
    // peer did that the protocol forbids, and ends the connection.
    virtual absl::Status OnFrame(IncomingFrame& frame) = 0;
    // The peer has read everything up to the ping of that argument; or says so
    // unasked.
    virtual void OnPong(uint32_t argument) = 0;
    // `frame` was not sent, no part of it, and will not be. On any thread that
    // uses the connection. If sends(), only this one was refused, and further
    // frames of its call that were queued have been dropped; else each that was
    // queued comes, in order.
    virtual void OnUnsent(OutgoingFrame frame, const absl::Status& why) = 0;
    // A frame that asked for it (OutgoingFrame::tells_when_sent) has been
    // written whole. On any thread that uses the connection.
    virtual void OnSent(uint32_t call_id) = 0;
    // The peer takes nothing more; what it has sent is still to be read. Once,
    // after every OnUnsent; unless the connection has ended meanwhile.
    virtual void OnSendingEnded(const absl::Status& why) = 0;
    // Writing waits for room, or no longer does (write_blocked()).
    virtual void OnWriteBlockedChanged() = 0;
    // There is room again, after HasRoom() has said that there is none.
    virtual void OnRoom() = 0;
    // The connection has ended; once, after every OnUnsent.
    virtual void OnClosed(const absl::Status& why) = 0;

   protected:
    ~Role() = default;
  };

  // How much may stay queued for more to come, by those who call Flush() later.
  static constexpr size_t kMostLingering = 16u << 10;

  // How much may be queued before HasRoom() is false.
  struct QueueLimits {
    // Without large messages, which have several frames: of those there may be
    // kMostLargeMessages. 64 KiB at least: less counts as that.
    size_t bytes;
    size_t descriptors;
    // Borrowed: what others have, too. While that is too much, there is room
    // where no descriptors are queued, and one message has what the transport
    // sends at once: so a peer that reads makes its own room.
    UnreceivedDescriptors* together = nullptr;
  };
  static constexpr size_t kMostLargeMessages = 4;

  // What is to be queued: something that is one frame, or that may be a large
  // message.
  enum class Size { kOneFrame, kAny };

  // `role` is borrowed and outlives the connection. Queues the hello.
  Connection(std::unique_ptr<Transport> transport, const Hello& hello,
             const QueueLimits& limits, Role& role);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Queues frames, in this order, without another thread's among them; but
  // those of a large message take turns with those of other calls
  // (FrameQueue). False, with the frames left as they are, if it sends() no
  // more. Follow with Flush() once no lock is held.
  bool Enqueue(OutgoingFrames& frames) ABSL_LOCKS_EXCLUDED(mu_);
  bool Enqueue(OutgoingFrame frame) ABSL_LOCKS_EXCLUDED(mu_);
  // The same of a copy, as FrameQueue::PushCopy().
  bool EnqueueCopy(const OutgoingFrame& bare) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes back what is queued of a call and closes its descriptors, unless a
  // thread is writing. True if nothing of the call was sent, so that the peer
  // need not hear of it. Follow with Flush() as well.
  bool Withdraw(uint32_t call_id) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes what is queued, as far as there is room, unless another thread is
  // about it, which then writes this thread's frames too. Never blocks.
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);
  // The same, for the reader, who has found that there is room.
  void OnWritable() ABSL_LOCKS_EXCLUDED(mu_);

  // For the one reader: takes in what has arrived with one system call, and
  // hands over every frame that is complete. Never blocks. False if nothing had
  // arrived, or the connection has ended.
  bool Read() ABSL_LOCKS_EXCLUDED(mu_);
  // How many frames it has handed over. For the one reader.
  size_t frames_read() const { return frames_read_; }
  // Takes nothing more from the peer: the reader gets what it has sent before,
  // then the end.
  void EndReceiving() { transport_->ShutdownReceive(); }
  // For the one reader: does the same, and hands over what the peer has sent.
  // Nothing is to be read after that.
  void ReadRest() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the connection: what is not sent is dropped. At the first call the
  // role hears of it.
  void Close(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether more may be queued: not while more than the limits is, which the
  // peer does not read; then the role is told once no more than half of that
  // is, or of the end. Large messages do not keep out what is one frame. Frames
  // that bound themselves (credit, ends of calls) need not ask.
  bool HasRoom(Size size = Size::kAny) ABSL_LOCKS_EXCLUDED(mu_);
  // The same, without having the role told.
  bool within_limits() const { return Within(Size::kAny, 1); }

  // Whether this is a child's copy, made by fork(2). It does nothing: what it
  // sent or ended would be the parent's connection, and another thread may have
  // held its lock.
  bool inherited_by_fork() const {
    return ForkGeneration() != fork_generation_;
  }
  // Whether a frame with descriptors may still come by OnUnsent().
  bool MayGiveBackDescriptors() ABSL_LOCKS_EXCLUDED(mu_);
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  // Whether what is queued can still arrive, as far as is known.
  bool sends() const { return sends_.load(std::memory_order_acquire); }
  bool write_blocked() const {
    return blocked_.load(std::memory_order_acquire);
  }
  // Of the frames in the queue; each counts as 64 at least, which is what the
  // smallest take of memory.
  size_t queued_bytes() const {
    return queued_bytes_.load(std::memory_order_relaxed);
  }
  // Of the frames in the queue, also where one has been sent in part.
  size_t queued_descriptors() const {
    return queued_descriptors_.load(std::memory_order_relaxed);
  }
  int pollable_fd() const { return transport_->pollable_fd(); }
  // For the reader.
  std::optional<uint64_t> partial_frame() const {
    return transport_->PartialFrame();
  }
  void ReleaseIdleMemory() ABSL_LOCKS_EXCLUDED(mu_);
  bool has_hello() const { return has_hello_; }

 private:
  struct Unsent {
    OutgoingFrame frame;
    absl::Status why;
  };
  // What is to be done about frames that have left the queue, without the lock.
  struct Left {
    std::vector<uint32_t> sent;  // calls that are to be told
    std::vector<Unsent> unsent;
    std::vector<std::unique_ptr<FrameAttachment>> attached;  // to be freed
  };

  // Takes in what has arrived with one system call.
  Transport::ReceiveOutcome Receive() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Dispatch(IncomingFrame& frame);
  absl::Status DispatchHello(const IncomingFrame& frame);
  absl::Status Pong(uint32_t argument);

  void Push(OutgoingFrame&& frame, bool of_large = false)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Before a frame enters the queue.
  void Count(const OutgoingFrame& frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The same of one of a large message, or after it has left.
  void CountLarge(std::string_view head, size_t bytes, bool queued)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a frame off the queue that was sent, or that was not.
  void PopSent(Left& left) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  OutgoingFrame Take(size_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Before a frame leaves the queue.
  void Discount(const FrameQueue::Queued& queued)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MarkClosed(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopSending(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes this thread the writer, until nothing is left that it could do.
  void WriteAndUnlock() ABSL_UNLOCK_FUNCTION(mu_);
  // Writes until nothing is queued or there is no room; the lock is given up
  // during the system calls. Returns why the connection broke, or OK.
  absl::Status WriteQueued(Left& left) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Whether no more is queued than each limit divided by `divisor`. Always when
  // nothing is: what makes room here is what leaves the queue.
  bool Within(Size size, size_t divisor) const {
    const size_t most_bytes =
        limits_.bytes / divisor + large_bytes_.load(std::memory_order_relaxed);
    return queued_bytes() <= most_bytes &&
           (queued_descriptors() == 0 || DescriptorsWithin(divisor)) &&
           (size == Size::kOneFrame ||
            large_messages_.load(std::memory_order_relaxed) <
                kMostLargeMessages / divisor);
  }
  bool DescriptorsWithin(size_t divisor) const;
  // Whether the role is to be told now that there is room: once.
  bool TakeRoomToTell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Drops the frames of a call, of which the first one was refused.
  void DropCall(uint32_t call_id, Left& left)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Empties the queue of a connection that sends no more.
  void DrainQueue(Left& left) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::unique_ptr<Transport> transport_;
  const Hello hello_;
  const QueueLimits limits_;
  Role& role_;
  const uint32_t fork_generation_ = ForkGeneration();
  bool has_hello_ = false;  // the reader's, as is
  size_t frames_read_ = 0;

  Mutex mu_;
  FrameQueue queue_ ABSL_GUARDED_BY(mu_);
  size_t queued_pongs_ ABSL_GUARDED_BY(mu_) = 0;
  // A thread is the writer: it alone sends, and takes frames off the queue.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool first_partly_sent_ ABSL_GUARDED_BY(mu_) = false;
  bool room_wanted_[2] ABSL_GUARDED_BY(mu_) = {};  // by Size
  bool close_reported_ ABSL_GUARDED_BY(mu_) = false;
  bool sending_end_reported_ ABSL_GUARDED_BY(mu_) = false;
  // Why it sends no more.
  absl::Status end_reason_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> closed_{false};
  std::atomic<bool> sends_{true};
  std::atomic<bool> blocked_{false};
  std::atomic<size_t> queued_bytes_{0};
  std::atomic<size_t> queued_descriptors_{0};
  // Of queued_bytes_; and the large messages whose last frame is queued.
  std::atomic<size_t> large_bytes_{0};
  std::atomic<size_t> large_messages_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_CONNECTION_H_
