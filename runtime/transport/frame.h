#ifndef FDRPC_TRANSPORT_FRAME_H_
#define FDRPC_TRANSPORT_FRAME_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/payload_buffer.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/unique_fd.h"
#include "wire/frame_decoder.h"
#include "wire/frame_header.h"

namespace fdrpc {

// A frame of at most this size fits in every packet.
inline constexpr size_t kMostBareBytes = 1024;

// Bytes that do not change while their owner lives; the owner can be shared.
struct SharedBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

// The parts of a frame that few frames have.
struct FrameAttachment {
  // For a piece of a large message: the part that is not in the head, but in
  // buffers or in the message. Copies of the frame share it.
  std::vector<SharedBytes> body;
  size_t body_bytes = 0;
  DescriptorSet descriptors;  // as many as the header says
  // A copy of the payload in sealed memory, if a transport has made one and
  // could not send the frame yet.
  UniqueFd sealed;
  // A large head, which is stored here while the frame is queued.
  std::string head;
};

// A frame as it is passed to a transport, which borrows it.
struct FrameToSend {
  std::string_view head;  // the header, and what precedes the body
  // Null only if the head has at most kMostBareBytes, because a larger frame
  // may not fit in a packet.
  FrameAttachment* attached = nullptr;

  size_t bytes() const {
    return head.size() + (attached == nullptr ? 0 : attached->body_bytes);
  }
  absl::Span<const SharedBytes> body() const {
    if (attached == nullptr) return {};
    return attached->body;
  }
  absl::Span<const AttachedFd> descriptors() const {
    if (attached == nullptr) return {};
    return attached->descriptors;
  }
};

// A frame to be sent. Owns its bytes and its descriptors.
struct OutgoingFrame {
  std::string head;
  std::unique_ptr<FrameAttachment> attached;
  uint32_t call_id = 0;  // as in the header
  // Whether the sender wants to be told when the whole frame has been written
  // to the socket.
  bool tells_when_sent = false;

  FrameAttachment& Attach() {
    if (attached == nullptr) attached = std::make_unique<FrameAttachment>();
    return *attached;
  }
  size_t bytes() const { return FrameToSend{head, attached.get()}.bytes(); }
};

// A received frame. It owns its descriptors. It owns its payload if that is in
// `buffer`; otherwise the payload is borrowed from the transport until the next
// Receive().
struct IncomingFrame {
  FrameHeader header;
  std::string_view payload;
  PayloadBuffer buffer;
  std::vector<UniqueFd> descriptors;
  // The kernel installed fewer descriptors than the header says, because of a
  // limit on this side (MSG_CTRUNC).
  bool descriptors_truncated = false;
  // The payload was in one of the missing descriptors: `payload` is empty.
  bool payload_lost = false;
};

// The frame that a decoder has found in a stream of bytes. Its descriptors are
// not there.
inline void SetFrame(FrameDecoder::Frame& decoded, IncomingFrame& frame) {
  frame.descriptors.clear();
  frame.descriptors_truncated = false;
  frame.payload_lost = false;
  frame.header = decoded.header;
  frame.payload = decoded.payload;
  frame.buffer = std::move(decoded.buffer);
}

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_FRAME_H_
