#include "transport/ring_receiver.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

// How often a thread that polls is sent to look at the socket, which may have
// the end of the connection.
constexpr uint32_t kPollsPerLookAtSocket = 256;
// Of the numbers that identify frames, those of the ring.
constexpr uint64_t kOfRing = uint64_t{1} << 63;

bool IsOfType(const FrameHeader& header, FrameType type) {
  return header.type == static_cast<uint8_t>(type);
}

absl::Status PeersMistake(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

Transport::ReceiveResult RingReceiver::Receive() {
  using Outcome = Transport::ReceiveOutcome;
  if (!error_.ok()) return {};
  const bool slept = reader_.has_value() && reader_->asleep();
  if (reader_.has_value()) reader_->Wake();
  if (ended_.load(std::memory_order_acquire)) End();
  if (!in_ring_) return socket_.Receive();

  const bool taken = TakeFromRing();
  // A doorbell may be the reason why it was woken, and is not left behind,
  // because it would end the next sleep.
  if ((taken && !slept) || !error_.ok()) return {};
  Transport::ReceiveResult received = {.outcome = Outcome::kWouldBlock,
                                       .error = {}};
  SkipDoorbells();
  if (!held_.has_value() && error_.ok()) {
    received = socket_.Receive();
    if (received.outcome == Outcome::kReceived) SkipDoorbells();
  }
  // What the peer has published before it sent that, or closed the socket.
  if (TakeFromRing() || taken || !error_.ok()) return {};
  if (held_.has_value()) {
    error_ = PeersMistake(
        "a frame on the socket for which nothing stands in the ring");
    return {};
  }
  return received;
}

bool RingReceiver::TakeFromRing() {
  const bool any = reader_->Look();
  if (!reader_->valid()) {
    error_ = PeersMistake(
        "the position up to which it has written its ring is "
        "impossible");
    return false;
  }
  if (!any) return false;
  const FrameDecoder::Space space = decoder_.NextSpace();
  size_t taken = reader_->Take(space.first);
  if (taken == space.first.size()) taken += reader_->Take(space.second);
  decoder_.Received(taken);
  return true;
}

void RingReceiver::SkipDoorbells() {
  IncomingFrame frame;
  while (!held_.has_value() && error_.ok()) {
    NextResult next = socket_.Next(frame);
    if (next.outcome == Transport::NextOutcome::kNone) return;
    if (next.outcome == Transport::NextOutcome::kMalformed) {
      error_ = std::move(next.error);
    } else if (!IsOfType(frame.header, FrameType::kDoorbell)) {
      held_ = std::move(frame);
    } else {
      error_ = CheckFrame(frame.header, peer_side_);
    }
  }
}

Transport::NextResult RingReceiver::Next(IncomingFrame& frame) {
  if (malformed_) return {};
  if (!error_.ok()) return Fail(error_);
  while (true) {
    const bool in_ring = in_ring_;
    NextResult next = in_ring ? NextOfRing(frame) : NextOfSocket(frame);
    // One that has led to the other place is followed by the next there.
    if (next.outcome != Transport::NextOutcome::kNone || in_ring == in_ring_) {
      return next;
    }
  }
}

Transport::NextResult RingReceiver::NextOfRing(IncomingFrame& frame) {
  FrameDecoder::Frame decoded;
  switch (decoder_.Next(decoded)) {
    case FrameDecoder::Result::kTooLarge:
      return Fail(FrameTooLarge(decoded.header));
    case FrameDecoder::Result::kIncomplete:
      return {};
    case FrameDecoder::Result::kFrame:
      break;
  }
  if (IsAboutRings(decoded.header.type)) {
    absl::Status valid = CheckFrame(decoded.header, peer_side_);
    if (valid.ok() && !IsOfType(decoded.header, FrameType::kToSocket)) {
      valid = PeersMistake("a frame in the ring that belongs on the socket");
    }
    if (!valid.ok()) return Fail(std::move(valid));
    in_ring_ = false;
    return {};
  }
  if (decoded.header.descriptor_count != 0) {
    return Fail(PeersMistake("a frame in the ring announces descriptors"));
  }
  SetFrame(decoded, frame);
  return {.outcome = Transport::NextOutcome::kFrame, .error = {}};
}

Transport::NextResult RingReceiver::NextOfSocket(IncomingFrame& frame) {
  while (!in_ring_) {
    if (held_.has_value()) {
      frame = *std::exchange(held_, std::nullopt);
    } else {
      NextResult next = socket_.Next(frame);
      if (next.outcome != Transport::NextOutcome::kFrame) return next;
    }
    if (!IsAboutRings(frame.header.type)) {
      return {.outcome = Transport::NextOutcome::kFrame, .error = {}};
    }
    absl::Status handled = Handle(frame);
    if (!handled.ok()) return Fail(std::move(handled));
  }
  return {};
}

absl::Status RingReceiver::Handle(IncomingFrame& frame) {
  absl::Status valid = CheckFrame(frame.header, peer_side_);
  if (!valid.ok()) return valid;
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kWantRings:
      return agreement_.OnWantRings(frame.header.argument);
    case FrameType::kRegion: {
      UniqueFd file;
      if (!frame.descriptors.empty()) file = std::move(frame.descriptors[0]);
      frame.descriptors.clear();
      return agreement_.OnRegion(frame.header.argument, std::move(file));
    }
    case FrameType::kToRing:
      return OnToRing();
    case FrameType::kNoRings:
      return OnNoRings();
    case FrameType::kDoorbell:
      return absl::OkStatus();
    default:
      return PeersMistake("a frame on the socket that belongs in a ring");
  }
}

absl::Status RingReceiver::OnToRing() {
  if (!reader_.has_value()) {
    absl::StatusOr<std::shared_ptr<const RingPair>> rings =
        agreement_.OnToRing();
    if (!rings.ok()) return rings.status();
    rings_ = *std::move(rings);
    reader_.emplace(rings_->own(), rings_->peer(), rings_->peer_ring_bytes());
    if (ended_.load(std::memory_order_acquire)) reader_->End();
  }
  in_ring_ = true;
  return absl::OkStatus();
}

absl::Status RingReceiver::OnNoRings() {
  if (decoder_.next_offset() != decoder_.end_offset()) {
    return PeersMistake("it gives up its ring within a frame");
  }
  reader_.reset();
  rings_.reset();
  return agreement_.OnNoRings();
}

Transport::NextResult RingReceiver::Fail(absl::Status error) {
  malformed_ = true;
  error_ = std::move(error);
  held_.reset();
  return {.outcome = Transport::NextOutcome::kMalformed, .error = error_};
}

std::optional<uint64_t> RingReceiver::PartialFrame() const {
  if (in_ring_ && decoder_.next_offset() != decoder_.end_offset()) {
    return decoder_.next_offset() | kOfRing;
  }
  return socket_.PartialFrame();
}

void RingReceiver::ReleaseIdleMemory() {
  socket_.ReleaseIdleMemory();
  decoder_.ReleaseIfEmpty();
}

bool RingReceiver::PrepareToSleep() {
  if (!in_ring_) return socket_.PrepareToSleep();
  return error_.ok() && !held_.has_value() && reader_->PrepareToSleep();
}

bool RingReceiver::MayReceive() {
  if (!in_ring_ || !error_.ok() || held_.has_value()) return true;
  return reader_->Look() || !reader_->valid() ||
         ++polls_ % kPollsPerLookAtSocket == 0;
}

void RingReceiver::End() {
  if (reader_.has_value()) reader_->End();
}

}  // namespace fdrpc
