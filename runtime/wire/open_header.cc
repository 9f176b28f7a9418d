#include "wire/open_header.h"

#include "wire/byte_reader.h"
#include "wire/metadata_block.h"

namespace fdrpc {

absl::Status DecodeOpenHeader(uint8_t flags, std::string_view payload,
                              OpenHeader& header) {
  if ((flags & ~kOpenFlags) != 0) {
    return absl::InvalidArgumentError("an open frame has unknown flags");
  }
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
  const bool has_message = (flags & kFlagMessage) != 0;
  if (!has_message && (!header.message.empty() || (flags & kFlagMore) != 0)) {
    return absl::InvalidArgumentError(
        "an open frame has bytes of a message that it does not announce");
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
