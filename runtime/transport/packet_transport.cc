#include "transport/packet_transport.h"

#include <cerrno>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "os/sealed_memory.h"
#include "transport/arrived_sets.h"
#include "wire/frame_rules.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// Fits in every send buffer: the smallest one has more than twice that size
// (SOCK_MIN_SNDBUF in include/net/sock.h).
constexpr size_t kLeastPacketBytes = 2048;

// A memory file counts as one descriptor in flight for each of these bytes,
// because the socket does not count its content. So a peer that does not read
// holds no more than some MiB of memory, and small frames are not delayed for
// long behind memory files.
constexpr size_t kBytesPerDescriptor = 128u << 10;

// Seals the payload of the frame, which does not go in the packet.
absl::StatusOr<UniqueFd> SealPayload(const FrameToSend& frame) {
  GatheredFrames payload;
  payload.Add(frame, /*skip=*/kFrameHeaderBytes);
  return SealInMemory(payload.pieces());
}

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(what);
}

}  // namespace

Transport::SendResult PacketTransport::Send(
    absl::Span<const FrameToSend> frames) {
  SendResult result;
  flight().BeforeSend(pollable_fd());
  while (result.sent < frames.size() &&
         result.outcome == SendResult::Outcome::kSent) {
    result.sent += SendPacket(frames.subspan(result.sent), result);
  }
  return result;
}

size_t PacketTransport::SendPacket(absl::Span<const FrameToSend> frames,
                                   SendResult& result) {
  const FrameToSend& first = frames.front();
  const bool fits = first.bytes() <= most_bytes_;
  const size_t weight = first.descriptors().size() +
                        (fits ? 0 : 1 + first.bytes() / kBytesPerDescriptor);
  if (weight > 0 && !flight().MaySend(pollable_fd(), weight)) {
    result.outcome = SendResult::Outcome::kWouldBlock;
    return 0;
  }
  absl::InlinedVector<int, 8> fds;
  for (const AttachedFd& fd : first.descriptors()) fds.push_back(fd.get());
  GatheredFrames gathered;
  char header[kFrameHeaderBytes];
  if (fits) {
    gathered.Add(first);
  } else if (fds.size() >= kMaxFrameDescriptors) {
    // A relay may have received such a frame over a stream.
    result.outcome = SendResult::Outcome::kRefused;
    result.error = absl::ResourceExhaustedError(absl::StrCat(
        "a packet takes no frame of ", first.bytes(), " bytes with ",
        fds.size(), " descriptors, because its payload needs one more"));
    return 0;
  } else {
    UniqueFd& file = first.attached->sealed;
    if (!file.ok()) {
      absl::StatusOr<UniqueFd> sealed = SealPayload(first);
      if (!sealed.ok()) {
        result.outcome = SendResult::Outcome::kRefused;
        result.error = sealed.status();
        return 0;
      }
      file = *std::move(sealed);
    }
    FrameHeader sealed = DecodeFrameHeader(first.head.data());
    sealed.flags |= kFlagSealed;
    ++sealed.descriptor_count;
    EncodeFrameHeader(sealed, header);
    gathered.AddHeader(header);
    fds.push_back(file.get());
  }
  for (const FrameToSend& frame : frames.subspan(1)) {
    if (!gathered.CanAppend(frame) ||
        gathered.bytes() + frame.bytes() > most_bytes_) {
      break;
    }
    gathered.Add(frame);
  }
  const IoResult io =
      SendWithDescriptors(pollable_fd(), gathered.pieces(), fds);
  if (io.error == EMSGSIZE && most_bytes_ > kLeastPacketBytes) {
    // SO_SNDBUF is smaller than the packet.
    most_bytes_ /= 2;
    return 0;
  }
  if (io.error != 0) {
    SetFailure(io.error, first, !fds.empty(), result);
    return 0;
  }
  flight().Sent(gathered.bytes(), weight);
  if (!fds.empty()) {
    first.attached->descriptors.clear();
    first.attached->sealed.Reset();
  }
  return gathered.frames();
}

Transport::ReceiveResult PacketTransport::Receive() {
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique_for_overwrite<char[]>(kMaxPacketBytes);
  }
  left_ = {};
  at_start_ = false;
  const iovec packet[] = {
      {.iov_base = buffer_.get(), .iov_len = kMaxPacketBytes}};
  IoResult io;
  // An end of file counts when it is read twice, and a reset when something
  // else follows; the reasons are below.
  for (bool reset = false, ended = false;;) {
    set_ = {};
    io = ReceiveWithDescriptors(pollable_fd(), packet, set_);
    if (io.error == ECONNRESET && !reset) {
      // The peer has closed without reading everything. Unlike on a stream,
      // this is reported once, and before the packets that it had sent
      // (__skb_try_recv_datagram in net/core/datagram.c).
      reset = true;
      continue;
    }
    const bool end =
        io.error == 0 && io.bytes == 0 && set_.fds.empty() && !set_.truncated;
    if (end && !ended) {
      // Or the last packets, and the end after them, arrived while the kernel
      // was about to report that there is nothing (__unix_dgram_recvmsg in
      // net/unix/af_unix.c).
      ended = true;
      continue;
    }
    if (end || io.error == ECONNRESET || (ended && io.error == EAGAIN)) {
      return {.outcome = ReceiveOutcome::kClosed, .error = {}};
    }
    break;
  }
  if (io.error != 0) return ReceiveFailure(io.error);
  left_ = {buffer_.get(), static_cast<size_t>(io.bytes)};
  at_start_ = true;
  cut_off_ = io.cut_off;
  return {};
}

Transport::NextResult PacketTransport::Next(IncomingFrame& frame) {
  if (malformed_ || (left_.empty() && !at_start_)) return {};
  absl::Status decoded = Decode(frame);
  if (decoded.ok()) return {.outcome = NextOutcome::kFrame, .error = {}};
  malformed_ = true;
  set_ = {};
  return {.outcome = NextOutcome::kMalformed, .error = std::move(decoded)};
}

absl::Status PacketTransport::Decode(IncomingFrame& frame) {
  const bool first = std::exchange(at_start_, false);
  if (cut_off_) return Wrong("a packet is longer than the protocol's limit");
  if (left_.size() < kFrameHeaderBytes) {
    return Wrong("a packet ends within a frame's header");
  }
  frame = IncomingFrame{};
  FrameHeader& header = frame.header;
  header = DecodeFrameHeader(left_.data());
  left_.remove_prefix(kFrameHeaderBytes);
  if (!FitsLimits(header)) return FrameTooLarge(header);
  if (!first && header.descriptor_count != 0) {
    return Wrong("a frame that does not begin its packet has descriptors");
  }
  if (first) {
    absl::Status given = GiveSet(std::exchange(set_, {}), frame);
    if (!given.ok()) return given;
    if (frame.descriptors_truncated && header.descriptor_count == 0) {
      return Wrong("descriptors came with a frame that announces none");
    }
  }
  if ((header.flags & kFlagSealed) != 0) return TakeSealedPayload(frame);
  if (header.payload_bytes > left_.size()) {
    return Wrong("a packet ends within a frame");
  }
  frame.payload = left_.substr(0, header.payload_bytes);
  left_.remove_prefix(header.payload_bytes);
  return absl::OkStatus();
}

// After this, the frame is like any other.
absl::Status PacketTransport::TakeSealedPayload(IncomingFrame& frame) {
  FrameHeader& header = frame.header;
  if (header.descriptor_count == 0) {
    return Wrong("a sealed frame comes without its memory file");
  }
  header.flags &= static_cast<uint8_t>(~kFlagSealed);
  --header.descriptor_count;
  // The memory file is the last descriptor, so it is the first to be missing.
  frame.payload_lost = frame.descriptors_truncated;
  if (frame.payload_lost) return absl::OkStatus();
  UniqueFd file = std::move(frame.descriptors.back());
  frame.descriptors.pop_back();
  absl::StatusOr<PayloadBuffer> payload =
      ReadSealedMemory(std::move(file), header.payload_bytes);
  if (!payload.ok()) return payload.status();
  frame.buffer = *std::move(payload);
  frame.payload = {frame.buffer.data(), header.payload_bytes};
  return absl::OkStatus();
}

void PacketTransport::ReleaseIdleMemory() {
  if (left_.empty()) buffer_.reset();
}

}  // namespace fdrpc
