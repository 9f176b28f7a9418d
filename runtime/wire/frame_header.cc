#include "wire/frame_header.h"

#include "wire/little_endian.h"

namespace fdrpc {

void EncodeFrameHeader(const FrameHeader& header, char* to) {
  StoreLittleEndian(to, header.payload_bytes);
  StoreLittleEndian(to + kCallIdOffset, header.call_id);
  StoreLittleEndian(to + 8, header.type);
  StoreLittleEndian(to + 9, header.flags);
  StoreLittleEndian(to + 10, header.descriptor_count);
  StoreLittleEndian(to + kArgumentOffset, header.argument);
}

FrameHeader DecodeFrameHeader(const char* from) {
  return {.payload_bytes = LoadLittleEndian<uint32_t>(from),
          .call_id = LoadLittleEndian<uint32_t>(from + kCallIdOffset),
          .type = LoadLittleEndian<uint8_t>(from + 8),
          .flags = LoadLittleEndian<uint8_t>(from + 9),
          .descriptor_count = LoadLittleEndian<uint16_t>(from + 10),
          .argument = LoadLittleEndian<uint32_t>(from + kArgumentOffset)};
}

}  // namespace fdrpc
