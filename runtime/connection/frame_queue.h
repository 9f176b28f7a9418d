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

// The frames that a connection has yet to send. Those that are small lie one
// behind the other, for the kernel to take as one piece. Holds little memory
// when it is empty.
//
// Frames are sent in the order in which they were pushed, but for those of
// large messages, which take turns with the others: one is in line at a time.
// When it has left, the next one takes its place at the end of the line. What
// is pushed of a call behind frames that wait for their turn waits with them,
// so that a call's frames stay in order.
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
    bool of_large = false;
  };

  // `of_large`: it is one of a large message, and takes turns. But an open
  // frame does not wait, since call ids go in order.
  void Push(OutgoingFrame&& frame, bool of_large = false);
  // Pushes a copy of an open frame that stays as it is: it has nothing
  // attached, and is no larger than kMostBareBytes.
  void PushCopy(const OutgoingFrame& bare);

  bool empty() const { return first_ == line_.size(); }
  // Those that are in line; empty only if there are no others.
  size_t in_line() const { return line_.size() - first_; }
  // With those that wait for their turn, which have the indices behind.
  size_t size() const { return in_line() + waiting_.size() - first_waiting_; }
  Queued at(size_t index) const {
    return index < in_line() ? line_[first_ + index].AsQueued()
                             : AtWaiting(index - in_line());
  }

  // Removes the first. What was attached to it is returned, to be freed, and
  // its descriptors closed, where no lock is held.
  std::unique_ptr<FrameAttachment> Pop();
  // Removes one as it was pushed. Those behind it move up by one.
  OutgoingFrame Take(size_t index);

  // Gives back what it keeps for the next frames. Only when it is empty.
  void Release();

 private:
  struct Entry {
    std::string_view head;
    std::unique_ptr<FrameAttachment> attached;
    uint32_t call_id;
    bool tells_when_sent;
    bool of_large;
    bool has_turn;  // the next one that waits follows once it has left

    Queued AsQueued() const {
      return {.frame = {.head = head, .attached = attached.get()},
              .call_id = call_id,
              .tells_when_sent = tells_when_sent,
              .of_large = of_large};
    }
  };
  struct Waiting {
    OutgoingFrame frame;
    bool of_large;
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
  Queued AtWaiting(size_t index) const;
  // From the line.
  void Remove(size_t index);
  void AddToLine(OutgoingFrame&& frame, bool of_large, bool has_turn);
  // Puts those in line that are next.
  void GiveTurn();
  bool HasWaiting() const { return first_waiting_ < waiting_.size(); }
  bool HasWaitingOf(uint32_t call_id) const;

  std::vector<Entry> line_;
  size_t first_ = 0;  // those before it are gone
  size_t turns_ = 0;  // how many in line have one; 0 only if none waits
  std::vector<Waiting> waiting_;
  size_t first_waiting_ = 0;  // as first_
  std::vector<Block> blocks_;
  // Of small frames: since the queue was empty, and in the time before that.
  size_t pushed_bytes_ = 0;
  size_t expected_bytes_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_FRAME_QUEUE_H_
