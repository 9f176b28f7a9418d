#include "wire/open_header.h"

#include "wire/byte_reader.h"
#include "wire/metadata_block.h"

namespace fdrpc {

absl::Status DecodeOpenHeader(uint8_t flags, std::string_view payload,
                              OpenHeader& header) {
  ByteReader reader(payload);
  if ((flags & kFlagTimeout) != 0) {
    if (!reader.Read(header.timeout_ns.emplace())) {
      return absl::InvalidArgumentError("an open frame lacks its timeout");
    }
  }
  if ((flags & kFlagMetadata) != 0) {
    uint32_t bytes = 0;
    std::string_view block;
    if (!reader.Read(bytes) || !reader.Read(bytes, block)) {
      return absl::InvalidArgumentError("an open frame's metadata is cut off");
    }
    absl::Status status = DecodeMetadataBlock(block, header.metadata);
    if (!status.ok()) return status;
  }
  header.message = reader.rest();
  if ((flags & kFlagMessage) == 0 && !header.message.empty()) {
    return absl::InvalidArgumentError(
        "an open frame has bytes of a message that it does not announce");
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
