#ifndef FDRPC_CONNECTION_MESSAGE_OUTBOX_H_
#define FDRPC_CONNECTION_MESSAGE_OUTBOX_H_

#include <atomic>
#include <cassert>
#include <cstddef>
#include <utility>

#include "call/credit.h"
#include "connection/frame_builder.h"

namespace fdrpc {

// The sending side of one direction of a stream: the credit that the receiver
// has granted, and at most one message that waits for credit or for room in the
// connection's queue. The sender waits until that message is gone before it
// puts the next one. It sends nothing itself.
class MessageOutbox {
 public:
  explicit MessageOutbox(Credit initial) : credit_(initial) {}

  // For a stream that starts again on another connection.
  void ResetCredit(Credit initial) { credit_ = SendCredit(initial); }

  // Whether no message waits. The thread that puts messages may ask without the
  // lock.
  bool has_room() const { return has_room_.load(std::memory_order_acquire); }
  // Whether there is a message, and the credit allows to send it.
  bool can_send() const { return !has_room() && credit_.Allows(descriptors_); }

  // Of the waiting message.
  size_t frames() const { return frames_.size(); }
  size_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

  // For a message of that size that is sent without being put here. False if
  // the credit does not allow it. Requires has_room().
  bool SpendAtOnce(size_t bytes, size_t descriptors) {
    assert(has_room());
    if (!credit_.Allows(descriptors)) return false;
    credit_.Spend(bytes, descriptors);
    return true;
  }
  // Puts the frames of a message of that size. Requires has_room().
  void Put(OutgoingFrames frames, size_t bytes, size_t descriptors) {
    assert(has_room());
    frames_ = std::move(frames);
    bytes_ = bytes;
    descriptors_ = descriptors;
    has_room_.store(false, std::memory_order_relaxed);
  }
  // Takes the message out to send it. Requires can_send().
  OutgoingFrames Take() {
    assert(can_send());
    credit_.Spend(bytes_, descriptors_);
    return Drop();
  }
  // Takes the message out to drop it.
  OutgoingFrames Drop() {
    OutgoingFrames frames = std::exchange(frames_, {});
    has_room_.store(true, std::memory_order_release);
    return frames;
  }

  // False if the receiver grants more than the protocol allows.
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
