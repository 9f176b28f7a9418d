#include "transport/stream_transport.h"

#include <cerrno>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "os/ancillary.h"
#include "os/background_close.h"
#include "os/syscalls.h"
#include "transport/gathered_frames.h"
#include "transport/send_error.h"
#include "wire/frame_rules.h"

namespace fdrpc {

std::unique_ptr<StreamTransport> StreamTransport::Create(UniqueFd socket) {
  return std::unique_ptr<StreamTransport>(
      new StreamTransport(std::move(socket)));
}

StreamTransport::~StreamTransport() {
  CloseDrained(std::move(socket_), /*packets=*/false);
}

Transport::SendResult StreamTransport::Send(
    absl::Span<const FrameToSend> frames) {
  SendResult result;
  flight_.BeforeSend(socket_.get());
  while (result.sent < frames.size()) {
    const FrameToSend& first = frames[result.sent];
    absl::InlinedVector<int, 8> fds;
    for (const AttachedFd& fd : first.descriptors()) fds.push_back(fd.get());
    if (!fds.empty() && !flight_.MaySend(socket_.get(), fds.size())) {
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
        SendWithDescriptors(socket_.get(), gathered.pieces(), fds);
    if (io.error == EAGAIN) {
      result.outcome = SendResult::Outcome::kWouldBlock;
      result.next_partly_sent = sent_of_first_ > 0;
      return result;
    }
    if (io.error != 0) {
      result.next_partly_sent = sent_of_first_ > 0;
      if (sent_of_first_ == 0 && ConcernsFrameOnly(io.error, !fds.empty())) {
        result.outcome = SendResult::Outcome::kRefused;
        result.error = Refusal(io.error, first.descriptors());
        return result;
      }
      if (io.error == EPIPE || io.error == ECONNRESET) {
        result.outcome = SendResult::Outcome::kClosed;
        return result;
      }
      result.outcome = SendResult::Outcome::kBroken;
      result.error = absl::UnavailableError(
          absl::StrCat("sending failed: errno ", io.error));
      return result;
    }
    flight_.Sent(static_cast<size_t>(io.bytes), fds.size());
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
      ReceiveWithDescriptors(socket_.get(), pieces, descriptors);
  if (io.error == EAGAIN) {
    return {.outcome = ReceiveOutcome::kWouldBlock, .error = {}};
  }
  if (io.error == ECONNRESET || (io.error == 0 && io.bytes == 0)) {
    return {.outcome = ReceiveOutcome::kClosed, .error = {}};
  }
  if (io.error != 0) {
    return {.outcome = ReceiveOutcome::kBroken,
            .error = absl::UnavailableError(
                absl::StrCat("receiving failed: errno ", io.error))};
  }
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
  frame.descriptors.clear();
  frame.descriptors_truncated = false;
  frame.payload_lost = false;
  frame.header = decoded.header;
  frame.payload = decoded.payload;
  frame.buffer = std::move(decoded.buffer);
  absl::Status assigned = sets_.Assign(decoded.start, frame);
  if (!assigned.ok()) return malformed(std::move(assigned));
  return {.outcome = NextOutcome::kFrame, .error = {}};
}

std::optional<uint64_t> StreamTransport::PartialFrame() const {
  if (decoder_.next_offset() == decoder_.end_offset()) return std::nullopt;
  return decoder_.next_offset();
}

void StreamTransport::ShutdownReceive() {
  // A send of the peer either completes before this, and its bytes wait to be
  // received, or fails with EPIPE and keeps its descriptors
  // (unix_stream_sendmsg and unix_shutdown in net/unix/af_unix.c; the contract
  // test).
  Syscalls::Get().shutdown(socket_.get(), SHUT_RD);
}

void StreamTransport::Shutdown() {
  Syscalls::Get().shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace fdrpc
