#include "transport/stream_transport.h"

#include <utility>

#include "absl/container/inlined_vector.h"
#include "os/ancillary.h"
#include "transport/gathered_frames.h"
#include "wire/frame_rules.h"

namespace fdrpc {

void StreamTransport::RefuseDescriptors() {
  ::fdrpc::RefuseDescriptors(pollable_fd());
}

Transport::SendResult StreamTransport::Send(
    absl::Span<const FrameToSend> frames) {
  SendResult result;
  flight().BeforeSend(pollable_fd());
  while (result.sent < frames.size()) {
    const FrameToSend& first = frames[result.sent];
    absl::InlinedVector<int, 8> fds;
    for (const AttachedFd& fd : first.descriptors()) fds.push_back(fd.get());
    if (!fds.empty() && !flight().MaySend(pollable_fd(), fds.size())) {
      result.outcome = SendResult::Outcome::kWouldBlock;
      return result;
    }
    GatheredFrames gathered;
    gathered.Add(first, sent_of_first_);
    for (const FrameToSend& frame : frames.subspan(result.sent + 1)) {
      if (!gathered.CanAppend(frame)) break;
      gathered.Add(frame);
    }
    const IoResult io =
        SendWithDescriptors(pollable_fd(), gathered.pieces(), fds);
    if (io.error != 0) {
      result.next_partly_sent = sent_of_first_ > 0;
      SetFailure(io.error, first, !fds.empty(), result);
      return result;
    }
    flight().Sent(static_cast<size_t>(io.bytes), fds.size());
    // All descriptors are sent with the first byte.
    if (!fds.empty()) first.attached->descriptors.clear();
    size_t left = sent_of_first_ + static_cast<size_t>(io.bytes);
    while (result.sent < frames.size() && left >= frames[result.sent].bytes()) {
      left -= frames[result.sent].bytes();
      ++result.sent;
    }
    sent_of_first_ = left;
    if (static_cast<size_t>(io.bytes) < gathered.bytes()) {
      // A short send means that there was no room for more.
      result.outcome = SendResult::Outcome::kWouldBlock;
      result.next_partly_sent = sent_of_first_ > 0;
      return result;
    }
  }
  return result;
}

Transport::ReceiveResult StreamTransport::Receive() {
  const FrameDecoder::Space space = decoder_.NextSpace();
  const iovec pieces[] = {
      {.iov_base = space.first.data(), .iov_len = space.first.size()},
      {.iov_base = space.second.data(), .iov_len = space.second.size()}};
  const uint64_t begin = decoder_.end_offset();
  ReceivedDescriptors descriptors;
  const IoResult io =
      ReceiveWithDescriptors(pollable_fd(), pieces, descriptors);
  if (io.error != 0) return ReceiveFailure(io.error);
  if (io.bytes == 0) return {.outcome = ReceiveOutcome::kClosed, .error = {}};
  decoder_.Received(static_cast<size_t>(io.bytes));
  if (!descriptors.fds.empty() || descriptors.truncated) {
    sets_.Add(begin, decoder_.end_offset(), std::move(descriptors));
  }
  return {};
}

Transport::NextResult StreamTransport::Next(IncomingFrame& frame) {
  auto malformed = [this](absl::Status error) {
    malformed_ = true;
    return NextResult{.outcome = NextOutcome::kMalformed,
                      .error = std::move(error)};
  };
  if (malformed_) return {};
  FrameDecoder::Frame decoded;
  switch (decoder_.Next(decoded)) {
    case FrameDecoder::Result::kTooLarge:
      return malformed(FrameTooLarge(decoded.header));
    case FrameDecoder::Result::kIncomplete: {
      absl::Status pending = sets_.CheckPending(decoder_.next_offset());
      if (!pending.ok()) return malformed(std::move(pending));
      return {};
    }
    case FrameDecoder::Result::kFrame:
      break;
  }
  SetFrame(decoded, frame);
  absl::Status assigned = sets_.Assign(decoded.start, frame);
  if (!assigned.ok()) return malformed(std::move(assigned));
  return {.outcome = NextOutcome::kFrame, .error = {}};
}

std::optional<uint64_t> StreamTransport::PartialFrame() const {
  if (decoder_.next_offset() == decoder_.end_offset()) return std::nullopt;
  return decoder_.next_offset();
}

}  // namespace fdrpc
