#ifndef FDRPC_CONNECTION_FRAME_QUEUE_H_
#define FDRPC_CONNECTION_FRAME_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/frame.h"

namespace fdrpc {

// The frames that a connection has yet to send, in order. Those that are small
// lie one behind the other, for the kernel to take as one piece. Holds little
// memory when it is empty.
class FrameQueue {
 public:
  FrameQueue() = default;
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;

  // A frame as it is queued: borrowed until it leaves the queue, whatever is
  // pushed meanwhile.
  struct Queued {
    FrameToSend frame;
    uint32_t call_id = 0;
    bool tells_when_sent = false;
  };

  void Push(OutgoingFrame frame);
  // The same of one that stays as it is: it has nothing attached, and is no
  // larger than kMostBareBytes.
  void PushCopy(const OutgoingFrame& bare);

  bool empty() const { return first_ == entries_.size(); }
  size_t size() const { return entries_.size() - first_; }
  Queued at(size_t index) const;

  // Removes the first. What was attached to it is returned, to be freed, and
  // its descriptors closed, where no lock is held.
  std::unique_ptr<FrameAttachment> Pop();
  // Removes one as it was pushed.
  OutgoingFrame Take(size_t index);

  // Gives back what it keeps for the next frames. Only when it is empty.
  void Release();

 private:
  struct Entry {
    std::string_view head;
    std::unique_ptr<FrameAttachment> attached;
    uint32_t call_id;
    bool tells_when_sent;
  };
  // Some small frames' heads. Never grows beyond its capacity, which would move
  // them.
  struct Block {
    std::string bytes;
    size_t frames;
  };

  // Where the bytes are until LetGo().
  std::string_view Append(std::string_view small_head);
  void LetGo(std::string_view small_head);
  void Remove(size_t index);

  std::vector<Entry> entries_;
  size_t first_ = 0;  // those before it are gone
  std::vector<Block> blocks_;
  // Of small frames: since the queue was empty, and in the time before that.
  size_t pushed_bytes_ = 0;
  size_t expected_bytes_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_FRAME_QUEUE_H_
