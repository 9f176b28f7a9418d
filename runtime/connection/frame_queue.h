#ifndef FDRPC_CONNECTION_FRAME_QUEUE_H_
#define FDRPC_CONNECTION_FRAME_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/vector_queue.h"
#include "transport/frame.h"

namespace fdrpc {

// The frames that a connection has yet to send. Small frames are stored
// contiguously, so that the kernel gets them as one piece. An empty queue holds
// little memory. It does not send, and is not synchronised.
//
// Frames are sent in the order in which they were pushed, except those of large
// messages, which take turns with the others: only one of them is in line at a
// time. When it has left, the next one is added at the end of the line. Frames
// that are pushed for a call after frames that wait for their turn wait with
// them, so the frames of a call stay in order.
class FrameQueue {
 public:
  FrameQueue() = default;
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;

  // A queued frame: borrowed until it leaves the queue; pushing others does not
  // move it.
  struct QueuedFrame {
    FrameToSend frame;
    uint32_t call_id = 0;
    bool tells_when_sent = false;
    bool of_large = false;
  };

  // `of_large`: the frame belongs to a large message, and takes turns. An open
  // frame never waits, since call ids must arrive in order.
  void Push(OutgoingFrame&& frame, bool of_large = false);
  // Pushes a copy of an open frame, which is unchanged. The frame must have
  // nothing attached and at most kMostBareBytes.
  void PushCopy(const OutgoingFrame& bare);

  bool empty() const { return line_.empty(); }
  // The number of frames in line; 0 only if the queue is empty.
  size_t in_line() const { return line_.size(); }
  // Includes those that wait for their turn, which have the higher indices.
  size_t size() const { return in_line() + waiting_.size(); }
  QueuedFrame at(size_t index) const {
    return index < in_line() ? line_[index].AsQueued()
                             : AtWaiting(index - in_line());
  }

  // Removes the first frame. Returns what was attached to it, to be freed
  // without a lock held, which closes its descriptors.
  std::unique_ptr<FrameAttachment> Pop();
  // Removes a frame and returns it as it was pushed. Later ones move up by one.
  OutgoingFrame Take(size_t index);

  // Frees the memory that is kept for the next frames. Only when it is empty.
  void Release();

 private:
  struct Entry {
    std::string_view head;
    std::unique_ptr<FrameAttachment> attached;
    uint32_t call_id;
    bool tells_when_sent;
    bool of_large;
    bool has_turn;  // when it has left, the next waiting frame follows

    QueuedFrame AsQueued() const {
      return {.frame = {.head = head, .attached = attached.get()},
              .call_id = call_id,
              .tells_when_sent = tells_when_sent,
              .of_large = of_large};
    }
  };
  struct WaitingFrame {
    OutgoingFrame frame;
    bool of_large;
  };
  // The heads of some small frames. Never grows beyond its capacity, because
  // that would move them.
  struct Block {
    std::string bytes;
    size_t frames;
  };

  // Stores a head, which stays in place until Free().
  std::string_view Append(std::string_view small_head);
  void Free(std::string_view small_head);
  QueuedFrame AtWaiting(size_t index) const;
  // Removes a frame from the line, with its small head.
  Entry Remove(size_t index);
  void AddToLine(OutgoingFrame&& frame, bool of_large, bool has_turn);
  // Adds the next waiting frames to the line.
  void GiveTurn();
  bool HasWaitingOf(uint32_t call_id) const;

  VectorQueue<Entry> line_;
  size_t turns_ = 0;  // how many in line have a turn; 0 only if none waits
  VectorQueue<WaitingFrame> waiting_;
  std::vector<Block> blocks_;
  // The bytes of small frames since the queue was empty, and in the period
  // before that.
  size_t pushed_bytes_ = 0;
  size_t expected_bytes_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_FRAME_QUEUE_H_
