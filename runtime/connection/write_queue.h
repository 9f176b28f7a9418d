#ifndef FDRPC_CONNECTION_WRITE_QUEUE_H_
#define FDRPC_CONNECTION_WRITE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "connection/frame_queue.h"
#include "connection/queue_room.h"
#include "transport/frame.h"

namespace fdrpc {

// What a connection has yet to send: the frames, which it counts, and how much
// of the first one is gone. Sends nothing itself, and is not synchronised.
class WriteQueue {
 public:
  struct UnsentFrame {
    OutgoingFrame frame;
    absl::Status why;
  };
  // What must be done, without a lock, about frames that have left the queue.
  struct Removed {
    std::vector<uint32_t> sent;  // calls to report in OnSent()
    std::vector<UnsentFrame> unsent;
    std::vector<std::unique_ptr<FrameAttachment>> attached;  // to be freed
  };

  // Borrows `room`, in which it counts.
  explicit WriteQueue(QueueRoom& room) : room_(room) {}
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  QueueRoom& room() { return room_; }
  bool empty() const { return frames_.empty(); }

  // As FrameQueue's.
  void Push(OutgoingFrame&& frame, bool of_large = false);
  void PushCopy(const OutgoingFrame& bare);
  void Release() { frames_.Release(); }

  // The first frames, to be sent together. They stay where they are until they
  // are removed, even if others are pushed.
  absl::InlinedVector<FrameToSend, 8> Batch() const;
  // Removes the first frames, which were sent.
  void OnSent(size_t count, bool next_partly_sent, Removed& removed);
  // Removes and returns the first frame, which cannot be sent.
  OutgoingFrame TakeFirst() { return Take(0); }
  // Removes the frames of a call after its first one was refused.
  void DropCall(uint32_t call_id, Removed& removed);
  // Removes all, because nothing more is sent.
  void Drain(const absl::Status& why, Removed& removed);
  // Removes the frames of a call, to be freed without a lock, except for one
  // that is partly sent. `unseen`: the call's open frame is among them.
  std::vector<OutgoingFrame> Withdraw(uint32_t call_id, bool& unseen);

 private:
  OutgoingFrame Take(size_t index);

  QueueRoom& room_;
  FrameQueue frames_;
  bool first_partly_sent_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_WRITE_QUEUE_H_
