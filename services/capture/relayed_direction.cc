#include "services/capture/relayed_direction.h"

#include <memory>
#include <utility>
#include <vector>

namespace fdrpc::capture {
namespace {

using Outcome = Transport::SendResult::Outcome;

absl::Status TooManyDescriptors() {
  return absl::ResourceExhaustedError(
      "the relay could not take the descriptors of a frame: it has reached its "
      "limit of open files, or a security module refused one");
}

}  // namespace

RelayedDirection::State RelayedDirection::Move() {
  int receives = kMostReceives;
  for (bool goes_on = true; goes_on;) {
    // Descriptors that were sent are closed after each, so that they do not
    // add up; elsewhere, if that can block.
    const BackgroundCloseScope scope;
    goes_on =
        state_ == State::kOpen && Send() && !source_ended_ && Receive(receives);
  }
  if (state_ == State::kOpen && source_ended_ && queue_.empty()) {
    state_ = State::kEnded;
  }
  return state_;
}

size_t RelayedDirection::held_descriptors() const {
  // A frame that has arrived in part may have as many as it likes.
  const size_t arriving =
      from_.PartialFrame().has_value() ? kMaxFrameDescriptors : 0;
  return arriving + queued_descriptors();
}

size_t RelayedDirection::queued_descriptors() const {
  // Only the last frame can have some: see HasRoom().
  return queue_.empty() || queue_.back().attached == nullptr
             ? 0
             : queue_.back().attached->descriptors.size();
}

bool RelayedDirection::Send() {
  while (!queue_.empty()) {
    std::vector<FrameToSend> frames;
    for (const OutgoingFrame& frame : queue_) {
      frames.push_back({frame.head, frame.attached.get()});
    }
    Transport::SendResult result = to_.Send(frames);
    for (size_t i = 0; i < result.sent; ++i) {
      queued_bytes_ -= queue_.front().bytes();
      queue_.pop_front();
    }
    queued_descriptors_ = queued_descriptors() > 0;
    switch (result.outcome) {
      case Outcome::kSent:
        break;
      case Outcome::kWouldBlock:
        return false;
      case Outcome::kClosed:
        // The sender learns it as from the receiver itself.
        from_.ShutdownReceive();
        state_ = State::kUnwanted;
        queue_.clear();
        return false;
      case Outcome::kRefused:
      case Outcome::kBroken:
        Break(std::move(result.error));
        return false;
    }
  }
  return true;
}

bool RelayedDirection::Receive(int& receives) {
  // First what has arrived before: a former call may have left some of it.
  bool received = false;
  while (HasRoom()) {
    IncomingFrame frame;
    Transport::NextResult next = from_.Next(frame);
    if (next.outcome == Transport::NextOutcome::kMalformed) {
      Break(std::move(next.error));
      return false;
    }
    if (next.outcome == Transport::NextOutcome::kFrame) {
      if (frame.descriptors_truncated) {
        Break(TooManyDescriptors());
        return false;
      }
      Queue(std::move(frame));
      continue;
    }
    // What is in the transport now does not wake anybody, so the limit is for
    // what is still in the socket.
    if (received) return true;
    if (receives-- <= 0) return !queue_.empty();
    Transport::ReceiveResult result = from_.Receive();
    switch (result.outcome) {
      case Transport::ReceiveOutcome::kReceived:
        received = true;
        break;
      case Transport::ReceiveOutcome::kWouldBlock:
        receives = 0;
        return !queue_.empty();
      case Transport::ReceiveOutcome::kClosed:
        source_ended_ = true;
        return true;
      case Transport::ReceiveOutcome::kBroken:
        Break(std::move(result.error));
        return false;
    }
  }
  return !queue_.empty();  // without room for want of closes, nothing moves
}

void RelayedDirection::Queue(IncomingFrame frame) {
  on_frame_(frame);
  OutgoingFrame outgoing;
  outgoing.head.resize(kFrameHeaderBytes);
  EncodeFrameHeader(frame.header, outgoing.head.data());
  if (!frame.buffer.empty()) {
    // The payload is large, and the frame owns it.
    auto owner = std::make_shared<IncomingFrame>(std::move(frame));
    outgoing.Attach().body.push_back({owner->payload, owner});
    outgoing.Attach().body_bytes = owner->payload.size();
    for (UniqueFd& fd : owner->descriptors) {
      outgoing.Attach().descriptors.push_back(std::move(fd));
    }
    queued_descriptors_ |= !owner->descriptors.empty();
  } else {
    outgoing.head.append(frame.payload);
    if (outgoing.head.size() > kMostBareBytes) outgoing.Attach();
    for (UniqueFd& fd : frame.descriptors) {
      outgoing.Attach().descriptors.push_back(std::move(fd));
    }
    queued_descriptors_ |= !frame.descriptors.empty();
  }
  queued_bytes_ += outgoing.bytes();
  queue_.push_back(std::move(outgoing));
}

void RelayedDirection::Break(absl::Status why) {
  mistake_ = std::move(why);
  state_ = State::kBroken;
  queue_.clear();
}

}  // namespace fdrpc::capture
