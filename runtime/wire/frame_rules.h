#ifndef FDRPC_WIRE_FRAME_RULES_H_
#define FDRPC_WIRE_FRAME_RULES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "wire/frame_header.h"

namespace fdrpc {

enum class Side : uint8_t { kClient, kServer };

// INVALID_ARGUMENT, saying what is wrong, if a header is one that `sender` may
// never send, whatever the state of the connection and of its calls: the tables
// of docs/protocol.md, "Frames". Types that are skipped are not to be asked
// about.
absl::Status CheckFrame(const FrameHeader& header, Side sender);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_FRAME_RULES_H_
