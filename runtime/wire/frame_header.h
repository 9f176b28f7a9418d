#ifndef FDRPC_WIRE_FRAME_HEADER_H_
#define FDRPC_WIRE_FRAME_HEADER_H_

#include <cstddef>
#include <cstdint>

#include "wire/little_endian.h"

namespace fdrpc {

// Their meaning is in docs/protocol.md, "Frames".
enum class FrameType : uint8_t {
  kHello = 1,
  kOpen = 2,
  kHeaders = 3,
  kMessage = 4,
  kStatus = 5,
  kCancel = 6,
  kCredit = 7,
  kPing = 8,
  kPong = 9,
  kGoAway = 10,
  kMethod = 11,
  // Only transports use these (docs/protocol.md, "Rings").
  kWantRings = 12,
  kRegion = 13,
  kToRing = 14,
  kToSocket = 15,
  kDoorbell = 16,
  kNoRings = 17,
  kOffer = 0x80,
};

constexpr bool IsAboutRings(uint8_t type) {
  return type >= static_cast<uint8_t>(FrameType::kWantRings) &&
         type <= static_cast<uint8_t>(FrameType::kNoRings);
}

// Unknown types from here on are skipped; unknown types below are an error. So
// a later version can add both kinds.
inline constexpr uint8_t kFirstSkippableType = 0x80;

// Bits of FrameHeader::flags. The sections of the payload have the order of
// this list, and the bytes of the message come last.
inline constexpr uint8_t kFlagTimeout = 0x01;      // open
inline constexpr uint8_t kFlagDetails = 0x01;      // status
inline constexpr uint8_t kFlagDescriptors = 0x01;  // credit
inline constexpr uint8_t kFlagOneWay = 0x02;       // open
inline constexpr uint8_t kFlagTrailers = 0x02;     // status
inline constexpr uint8_t kFlagMetadata = 0x04;     // open, headers, status
inline constexpr uint8_t kFlagMessage = 0x08;      // open, message, status
inline constexpr uint8_t kFlagMore = 0x10;         // open, message
inline constexpr uint8_t kFlagHalfClose = 0x20;    // open, message

// For any frame in a packet: the payload is in a memory file, which is the last
// of the frame's descriptors. Only transports use it.
inline constexpr uint8_t kFlagSealed = 0x80;

inline constexpr size_t kFrameHeaderBytes = 16;

struct FrameHeader {
  uint32_t payload_bytes = 0;
  uint32_t call_id = 0;  // 0: of the connection
  uint8_t type = 0;      // a FrameType, or one unknown to this version
  uint8_t flags = 0;
  uint16_t descriptor_count = 0;
  uint32_t argument = 0;  // by type: method, status code, credit, last call

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

// Offsets of the fields; the payload's length is the first field.
inline constexpr size_t kCallIdOffset = 4;
inline constexpr size_t kTypeOffset = 8;
inline constexpr size_t kFlagsOffset = 9;
inline constexpr size_t kDescriptorCountOffset = 10;
inline constexpr size_t kArgumentOffset = 12;

// Writes kFrameHeaderBytes bytes.
inline void EncodeFrameHeader(const FrameHeader& header, char* to) {
  StoreLittleEndian(to, header.payload_bytes);
  StoreLittleEndian(to + kCallIdOffset, header.call_id);
  StoreLittleEndian(to + kTypeOffset, header.type);
  StoreLittleEndian(to + kFlagsOffset, header.flags);
  StoreLittleEndian(to + kDescriptorCountOffset, header.descriptor_count);
  StoreLittleEndian(to + kArgumentOffset, header.argument);
}
// Reads kFrameHeaderBytes bytes. Any bytes are a header; FrameDecoder and the
// connection decide whether it is valid.
inline FrameHeader DecodeFrameHeader(const char* from) {
  return {.payload_bytes = LoadLittleEndian<uint32_t>(from),
          .call_id = LoadLittleEndian<uint32_t>(from + kCallIdOffset),
          .type = LoadLittleEndian<uint8_t>(from + kTypeOffset),
          .flags = LoadLittleEndian<uint8_t>(from + kFlagsOffset),
          .descriptor_count =
              LoadLittleEndian<uint16_t>(from + kDescriptorCountOffset),
          .argument = LoadLittleEndian<uint32_t>(from + kArgumentOffset)};
}

}  // namespace fdrpc

#endif  // FDRPC_WIRE_FRAME_HEADER_H_
