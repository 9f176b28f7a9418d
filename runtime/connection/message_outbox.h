#ifndef FDRPC_CONNECTION_MESSAGE_OUTBOX_H_
#define FDRPC_CONNECTION_MESSAGE_OUTBOX_H_

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

  bool has_room() const { return frames_.empty(); }
  // Whether there is a message that the credit allows to go.
  bool can_send() const {
    return !frames_.empty() && credit_.Allows(descriptors_);
  }

  size_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

  // The frames of a message of that size. Only if it has room.
  void Put(OutgoingFrames frames, size_t bytes, size_t descriptors) {
    frames_ = std::move(frames);
    bytes_ = bytes;
    descriptors_ = descriptors;
  }
  // Takes the message out to be sent. Only if it can be.
  OutgoingFrames Take() {
    credit_.Spend(bytes_, descriptors_);
    return std::exchange(frames_, {});
  }
  // Takes it out to be dropped.
  OutgoingFrames Drop() { return std::exchange(frames_, {}); }

  // False if the receiver grants more than makes sense.
  bool Grant(Credit credit) { return credit_.Grant(credit); }

 private:
  SendCredit credit_;
  OutgoingFrames frames_;
  size_t bytes_ = 0;
  size_t descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_MESSAGE_OUTBOX_H_
