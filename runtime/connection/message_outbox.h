#ifndef FDRPC_CONNECTION_MESSAGE_OUTBOX_H_
#define FDRPC_CONNECTION_MESSAGE_OUTBOX_H_

#include <atomic>
#include <cstddef>
#include <utility>

#include "call/credit.h"
#include "connection/frame_builder.h"

namespace fdrpc {

// One direction of a stream as its sender sees it: what the receiver's credit
// still allows, and the message, at most one, that waits for it or for room in
// the connection's queue. Who has put one waits until it has gone, before the
// next.
class MessageOutbox {
 public:
  explicit MessageOutbox(Credit initial) : credit_(initial) {}

  // For a stream that begins anew, on another connection.
  void ResetCredit(Credit initial) { credit_ = SendCredit(initial); }

  // Whether no message waits. The one who puts them may ask without the lock.
  bool has_room() const { return has_room_.load(std::memory_order_acquire); }
  // Whether there is a message that the credit allows to go.
  bool can_send() const { return !has_room() && credit_.Allows(descriptors_); }

  // Of the message that waits.
  size_t frames() const { return frames_.size(); }
  size_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

  // For a message of that size that can go past it: false if the credit does
  // not allow that. Only if it has room.
  bool SpendAtOnce(size_t bytes, size_t descriptors) {
    if (!credit_.Allows(descriptors)) return false;
    credit_.Spend(bytes, descriptors);
    return true;
  }
  // The frames of a message of that size. Only if it has room.
  void Put(OutgoingFrames frames, size_t bytes, size_t descriptors) {
    frames_ = std::move(frames);
    bytes_ = bytes;
    descriptors_ = descriptors;
    has_room_.store(false, std::memory_order_relaxed);
  }
  // Takes the message out to be sent. Only if it can be.
  OutgoingFrames Take() {
    credit_.Spend(bytes_, descriptors_);
    return Drop();
  }
  // Takes it out to be dropped.
  OutgoingFrames Drop() {
    OutgoingFrames frames = std::exchange(frames_, {});
    has_room_.store(true, std::memory_order_release);
    return frames;
  }

  // False if the receiver grants more than makes sense.
  bool Grant(Credit credit) { return credit_.Grant(credit); }

 private:
  SendCredit credit_;
  std::atomic<bool> has_room_{true};
  OutgoingFrames frames_;
  size_t bytes_ = 0;
  size_t descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_MESSAGE_OUTBOX_H_
