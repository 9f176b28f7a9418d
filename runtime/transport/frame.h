#ifndef FDRPC_TRANSPORT_FRAME_H_
#define FDRPC_TRANSPORT_FRAME_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "base/payload_buffer.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/unique_fd.h"
#include "wire/frame_header.h"

namespace fdrpc {

// A frame that is no larger fits in every packet.
inline constexpr size_t kMostBareBytes = 1024;

// Bytes that stay as they are while their owner lives, which others may own,
// too.
struct SharedBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

// What few frames have.
struct FrameAttachment {
  // Of a piece of a large message: what of it is not in the head but in buffers
  // or in the message, which copies of the frame share.
  std::vector<SharedBytes> body;
  size_t body_bytes = 0;
  DescriptorSet descriptors;  // as many as the header says
  // The payload once more, in sealed memory, if a transport has made that and
  // could not send the frame yet.
  UniqueFd sealed;
  // A large head, which is here while the frame is queued.
  std::string head;
};

// A frame as a transport is given it, which borrows it.
struct FrameToSend {
  std::string_view head;  // the header, and what stands before the body
  // Null only if the head has no more than kMostBareBytes: what is larger may
  // be beyond a packet.
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

// A frame on its way out. Owns its bytes and its descriptors.
struct OutgoingFrame {
  std::string head;
  std::unique_ptr<FrameAttachment> attached;
  uint32_t call_id = 0;  // as in the header
  // Whether the sender wants to hear when all of it has gone to the socket.
  bool tells_when_sent = false;

  FrameAttachment& Attach() {
    if (attached == nullptr) attached = std::make_unique<FrameAttachment>();
    return *attached;
  }
  size_t bytes() const { return FrameToSend{head, attached.get()}.bytes(); }
};

// A frame that arrived. The descriptors are its own; so is the payload, if it
// is in `buffer`, else it is borrowed from the transport until that receives
// again.
struct IncomingFrame {
  FrameHeader header;
  std::string_view payload;
  PayloadBuffer buffer;
  std::vector<UniqueFd> descriptors;
  // The kernel installed fewer descriptors than the header says, because of a
  // limit on this side (MSG_CTRUNC).
  bool descriptors_truncated = false;
  // And the payload was in one of them: `payload` is empty.
  bool payload_lost = false;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_FRAME_H_
