#ifndef FDRPC_TRANSPORT_FRAME_H_
#define FDRPC_TRANSPORT_FRAME_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/payload_buffer.h"
#include "fdrpc/descriptor_set.h"
#include "fdrpc/unique_fd.h"
#include "wire/frame_header.h"

namespace fdrpc {

// Bytes that stay as they are while their owner lives, which others may own,
// too.
struct SharedBytes {
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

// A frame on its way out. Owns its descriptors, and its bytes: all of them in
// `head`, or, for a piece of a large message, the rest in buffers or in the
// message, which copies of the frame share.
struct OutgoingFrame {
  std::string head;  // the header, and what stands before the body
  std::vector<SharedBytes> body;
  size_t body_bytes = 0;
  DescriptorSet descriptors;  // as many as the header says
  uint32_t call_id = 0;       // as in the header
  // The payload once more, in sealed memory, if a transport has made that and
  // could not send the frame yet.
  UniqueFd sealed;
  // Whether the sender wants to hear when all of it has gone to the socket.
  bool tells_when_sent = false;

  size_t bytes() const { return head.size() + body_bytes; }
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
