#ifndef FDRPC_WIRE_OPEN_HEADER_H_
#define FDRPC_WIRE_OPEN_HEADER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/metadata.h"
#include "wire/frame_header.h"

namespace fdrpc {

// The content of an open frame before the message's bytes (docs/protocol.md,
// "Open"). Views borrow from the frame's payload.
struct OpenHeader {
  std::optional<uint64_t> timeout_ns;
  Metadata metadata;
  std::string_view message;  // the first piece, if kFlagMessage is set
};

// INVALID_ARGUMENT if the payload is malformed or contradicts the flags, which
// CheckFrame() has accepted.
absl::Status DecodeOpenHeader(uint8_t flags, std::string_view payload,
                              OpenHeader& header);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_OPEN_HEADER_H_
