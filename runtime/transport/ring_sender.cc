#include "transport/ring_sender.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "os/busy_poll.h"
#include "wire/frame_header.h"

namespace fdrpc {
namespace {

// A larger frame than this part of the ring goes over the socket.
constexpr size_t kPartForOneFrame = 4;

// How often a sender looks whether a reader that ends has taken something. The
// reader says it in its next few instructions, unless it is stopped there.
constexpr int kMostLooks = 1000;

// The bytes of a frame that has only a header.
struct HeaderBytes {
  explicit HeaderBytes(FrameType type, uint32_t argument = 0,
                       uint16_t descriptors = 0) {
    EncodeFrameHeader({.type = static_cast<uint8_t>(type),
                       .descriptor_count = descriptors,
                       .argument = argument},
                      bytes);
  }
  std::string_view view() const { return {bytes, kFrameHeaderBytes}; }

  char bytes[kFrameHeaderBytes];
};

}  // namespace

Transport::SendResult RingSender::Send(absl::Span<const FrameToSend> frames) {
  SendResult result;
  if (own_partly_ != OwnFrame::kNone) (void)SendOwn(own_partly_);
  if (agreement_.has_news() && writer_ == std::nullopt) {
    rings_ = agreement_.SendingRings();
    if (rings_ != nullptr) {
      writer_.emplace(rings_->own(), rings_->peer(), rings_->own_ring_bytes());
      // A client says that it has joined, also without a frame for the ring.
      if (agreement_.side() == Side::kClient) task_ = OwnFrame::kToRing;
    }
  }
  while (result.sent < frames.size() && result.outcome == Outcome::kSent) {
    if (closed_) {
      result.outcome = Outcome::kClosed;
    } else if (in_ring_) {
      SendInRing(frames.subspan(result.sent), result);
    } else {
      SendOnSocket(frames.subspan(result.sent), result);
    }
  }
  sent_any_ |= result.sent > 0;
  if (result.outcome == Outcome::kSent && sent_any_ && !user_partly_ &&
      (task_ != OwnFrame::kNone || own_partly_ != OwnFrame::kNone ||
       agreement_.has_news())) {
    SendTasks(result);
  }
  owes_.store(task_ != OwnFrame::kNone || own_partly_ != OwnFrame::kNone,
              std::memory_order_release);
  return result;
}

bool RingSender::NeedsSocket(const FrameToSend& frame) const {
  return !frame.descriptors().empty() ||
         frame.bytes() > rings_->own_ring_bytes() / kPartForOneFrame;
}

bool RingSender::HasMuchRoom() {
  return writer_->HasRoom(writer_->capacity() / 2);
}

void RingSender::SendInRing(absl::Span<const FrameToSend> frames,
                            SendResult& result) {
  if (writer_->ending()) {
    closed_ = true;
    return;
  }
  size_t count = 0;
  for (const FrameToSend& frame : frames) {
    // There always remains room for a to-socket frame.
    if (NeedsSocket(frame) ||
        !writer_->HasRoom(frame.bytes() + kFrameHeaderBytes)) {
      break;
    }
    writer_->Append(frame.head);
    for (const SharedBytes& piece : frame.body()) writer_->Append(piece.bytes);
    ++count;
  }
  if (!writer_->valid()) {
    result.outcome = Outcome::kBroken;
    result.error = absl::InternalError(
        "protocol error by the peer: the position up to which it has read the "
        "ring is impossible");
    return;
  }
  const bool leaves = count < frames.size();
  if (leaves) writer_->Append(HeaderBytes(FrameType::kToSocket).view());
  const RingWriter::Reader reader = writer_->Publish();
  if (reader == RingWriter::Reader::kEnding && !IsTaken()) {
    closed_ = true;
    return;
  }
  result.sent += count;
  in_ring_ = !leaves;
  // What follows on the socket wakes it, too.
  if (reader != RingWriter::Reader::kAsleep || count == 0) return;
  SendResult rung = SendOwn(OwnFrame::kDoorbell);
  // If there is no room, there is something unread, which wakes the peer.
  if (rung.outcome == Outcome::kClosed) closed_ = true;
  if (rung.outcome == Outcome::kRefused || rung.outcome == Outcome::kBroken) {
    result.outcome = Outcome::kBroken;
    result.error = std::move(rung.error);
  }
}

bool RingSender::IsTaken() {
  for (int looks = 0; looks < kMostLooks; ++looks) {
    if (const std::optional<bool> taken = writer_->Taken()) return *taken;
    YieldCpu();
  }
  // The peer is stopped, or hostile. As with bytes in a socket whose reader
  // goes, it is not known whether it has seen them.
  return true;
}

void RingSender::SendOnSocket(absl::Span<const FrameToSend> frames,
                              SendResult& result) {
  if (own_partly_ != OwnFrame::kNone) {
    SendResult own = SendOwn(own_partly_);
    if (own.outcome != Outcome::kSent) {
      result.outcome = own.outcome;
      result.error = std::move(own.error);
    }
    return;
  }
  // Frames that need not go here wait for the ring, if there is room in it.
  const bool returns = writer_.has_value() && !user_partly_ && HasMuchRoom();
  size_t count = frames.size();
  if (returns) {
    count = static_cast<size_t>(std::find_if(frames.begin(), frames.end(),
                                             [&](const FrameToSend& frame) {
                                               return !NeedsSocket(frame);
                                             }) -
                                frames.begin());
  }
  absl::InlinedVector<FrameToSend, 8> all(
      frames.begin(), frames.begin() + static_cast<long>(count));
  const HeaderBytes to_ring(FrameType::kToRing);
  if (returns) all.push_back({.head = to_ring.view()});
  SendResult sent = socket_.Send(all);
  result.sent += std::min(sent.sent, count);
  if (sent.sent == count + 1) {
    user_partly_ = false;
    EnterRing();
    return;
  }
  const bool own = sent.sent == count && returns;
  user_partly_ = sent.next_partly_sent && !own;
  if (own && sent.next_partly_sent) own_partly_ = OwnFrame::kToRing;
  // All that was given is sent; the rest is for the next time.
  if (own && frames.size() == count) return;
  result.next_partly_sent = user_partly_;
  result.outcome = sent.outcome;
  result.error = std::move(sent.error);
  if (own && sent.outcome == Outcome::kRefused) {
    // For want of memory, and not for a fault of the user's frame.
    result.outcome = Outcome::kBroken;
  }
}

void RingSender::EnterRing() {
  in_ring_ = true;
  if (task_ == OwnFrame::kToRing) task_ = OwnFrame::kNone;
}

FrameType RingSender::TypeOf(OwnFrame own) {
  switch (own) {
    case OwnFrame::kToRing:
      return FrameType::kToRing;
    case OwnFrame::kWantRings:
      return FrameType::kWantRings;
    case OwnFrame::kRegion:
      return FrameType::kRegion;
    case OwnFrame::kNoRings:
      return FrameType::kNoRings;
    default:
      return FrameType::kDoorbell;
  }
}

Transport::SendResult RingSender::SendOwn(OwnFrame own) {
  const bool region = own == OwnFrame::kRegion;
  const bool has_size = region || own == OwnFrame::kWantRings;
  const HeaderBytes header(TypeOf(own), has_size ? agreement_.ring_bytes() : 0,
                           region ? 1 : 0);
  const FrameToSend frame = {.head = header.view(),
                             .attached = region ? &region_ : nullptr};
  SendResult sent = socket_.Send({&frame, 1});
  own_partly_ = sent.next_partly_sent ? own : OwnFrame::kNone;
  if (sent.outcome == Outcome::kSent) {
    if (own == task_) task_ = OwnFrame::kNone;
    if (own == OwnFrame::kToRing) EnterRing();
  }
  return sent;
}

bool RingSender::BeginTask() {
  switch (agreement_.TakeTask()) {
    case RingAgreement::Task::kNone:
      return false;
    case RingAgreement::Task::kWantRings:
      task_ = OwnFrame::kWantRings;
      return true;
    case RingAgreement::Task::kRegion: {
      absl::StatusOr<SharedFd> file = agreement_.MakeRegion();
      if (!file.ok()) return true;
      region_.descriptors.clear();
      region_.descriptors.push_back(*std::move(file));
      task_ = OwnFrame::kRegion;
      return true;
    }
    case RingAgreement::Task::kNoRings:
      if (in_ring_) {
        writer_->Append(HeaderBytes(FrameType::kToSocket).view());
        // Nobody need be woken for this; the next frame on the socket does it.
        if (writer_->Publish() == RingWriter::Reader::kEnding && !IsTaken()) {
          closed_ = true;
        }
        in_ring_ = false;
      }
      writer_.reset();
      rings_.reset();
      task_ = OwnFrame::kNoRings;
      return true;
  }
  return false;
}

void RingSender::SendTasks(SendResult& result) {
  // The socket tells the user when there is room again.
  if (own_partly_ != OwnFrame::kNone) result.outcome = Outcome::kWouldBlock;
  while (own_partly_ == OwnFrame::kNone && !closed_) {
    if (task_ == OwnFrame::kNone) {
      if (!BeginTask()) return;
      continue;
    }
    const OwnFrame task = task_;
    SendResult sent = SendOwn(task);
    if (sent.outcome == Outcome::kSent) continue;
    if (sent.outcome == Outcome::kRefused && task == OwnFrame::kRegion) {
      // The socket does not take such a descriptor: no rings, and no harm.
      region_.descriptors.clear();
      task_ = OwnFrame::kNone;
      agreement_.RegionNotSent();
      continue;
    }
    if (sent.outcome == Outcome::kWouldBlock) {
      result.outcome = Outcome::kWouldBlock;
    } else if (sent.outcome != Outcome::kClosed) {  // the next frame finds it
      result.outcome = Outcome::kBroken;
      result.error = std::move(sent.error);
    }
    return;
  }
}

}  // namespace fdrpc
