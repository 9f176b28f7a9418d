#ifndef FDRPC_WIRE_STATUS_HEADER_H_
#define FDRPC_WIRE_STATUS_HEADER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/metadata.h"
#include "wire/frame_header.h"

namespace fdrpc {

// The content of a status frame before the message's bytes (docs/protocol.md,
// "Status"). Views borrow from the frame's payload.
struct StatusHeader {
  absl::Status status;  // including its payloads
  Metadata trailers;
  Metadata headers;
  std::string_view message;  // the reply or its last piece, if kFlagMessage
};

// The code on the wire: gRPC's numbers, which are also absl's.
uint32_t StatusCodeToWire(absl::StatusCode code);
// Numbers that gRPC does not define become UNKNOWN (grpc/grpc
// doc/statuscodes.md).
absl::StatusCode StatusCodeFromWire(uint32_t code);

// Appends the details section: message and payloads. What exceeds the
// protocol's limits is left out: the end of the message, and whole payloads.
// The message then ends with a note.
void AppendStatusDetails(const absl::Status& status, std::string& to);

// INVALID_ARGUMENT if the payload is malformed or contradicts the flags, which
// CheckFrame() has accepted.
absl::Status DecodeStatusHeader(uint8_t flags, uint32_t code,
                                std::string_view payload, StatusHeader& header);

}  // namespace fdrpc

#endif  // FDRPC_WIRE_STATUS_HEADER_H_
