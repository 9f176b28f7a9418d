#ifndef FDRPC_SERVICES_CAPTURE_RELAYED_DIRECTION_H_
#define FDRPC_SERVICES_CAPTURE_RELAYED_DIRECTION_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "os/background_close.h"
#include "transport/transport.h"
#include "wire/limits.h"

namespace fdrpc::capture {

// One direction of a relayed connection: takes frames from one transport and
// sends them, with their descriptors, over the other. It reads no more than it
// can send, so that a side that does not read slows its peer down as it would
// without a relay. Borrows the transports.
class RelayedDirection {
 public:
  // Sees each frame once, before it is sent, and may change it.
  using OnFrame = std::function<void(IncomingFrame& frame)>;

  // `closes` counts the descriptors of the connection that are being closed.
  RelayedDirection(Transport& from, Transport& to, const PendingCloses& closes,
                   OnFrame on_frame)
      : from_(from), to_(to), closes_(closes), on_frame_(std::move(on_frame)) {}

  // How it is after Move().
  enum class State {
    kOpen,
    kEnded,     // the sender has ended, and everything of it is sent
    kUnwanted,  // the receiver takes nothing more
    kBroken,    // a mistake of one of them: mistake()
  };
  // Moves what can be moved now. Does not block.
  State Move();
  const absl::Status& mistake() const { return mistake_; }
  // The most descriptors that it has now: those of a frame that is to be sent,
  // and of one that arrives.
  size_t held_descriptors() const;

  // What Move() waits for.
  bool waits_to_receive() const {
    return state_ == State::kOpen && !source_ended_ && HasRoom();
  }
  // The receiver takes nothing more: only the end of the sender is awaited.
  bool is_unwanted() const { return state_ == State::kUnwanted; }
  bool waits_to_send() const {
    return state_ == State::kOpen && !queue_.empty();
  }

 private:
  bool HasRoom() const {
    return queued_bytes_ < kMostQueuedBytes && !queued_descriptors_ &&
           closes_.count() <= kMaxFrameDescriptors;
  }
  size_t queued_descriptors() const;
  // False if the receiver has no room.
  bool Send();
  // Takes what has arrived, and receives once. False if there is nothing, or
  // `receives`, which it counts down, is used up.
  bool Receive(int& receives);
  void Queue(IncomingFrame frame);
  void Break(absl::Status why);

  // Enough to keep both sides busy. A frame may exceed it.
  static constexpr size_t kMostQueuedBytes = 256u << 10;
  // How often it receives before others have their turn.
  static constexpr int kMostReceives = 16;

  Transport& from_;
  Transport& to_;
  const PendingCloses& closes_;
  const OnFrame on_frame_;
  State state_ = State::kOpen;
  bool source_ended_ = false;
  std::deque<OutgoingFrame> queue_;
  size_t queued_bytes_ = 0;
  // One set at a time, so that a connection has a known share of this
  // process's descriptors.
  bool queued_descriptors_ = false;
  absl::Status mistake_;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RELAYED_DIRECTION_H_
