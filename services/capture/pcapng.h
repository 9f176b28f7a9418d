#ifndef FDRPC_SERVICES_CAPTURE_PCAPNG_H_
#define FDRPC_SERVICES_CAPTURE_PCAPNG_H_

#include <cstddef>
#include <cstdint>

namespace fdrpc::capture::pcapng {

// The part of the format pcapng (IETF, draft-ietf-opsawg-pcapng) that
// recordings use. A block is its type, its length, a body that is padded to
// four bytes, and its length again.
inline constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
inline constexpr uint32_t kInterfaceDescription = 1;
inline constexpr uint32_t kEnhancedPacket = 6;

inline constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr size_t kBlockFrameBytes = 12;  // type and both lengths
// In the body of a packet, before its bytes: interface, time in two halves,
// captured and original length.
inline constexpr size_t kPacketFieldsBytes = 20;

inline constexpr uint16_t kEndOfOptions = 0;
inline constexpr uint16_t kUserApplication = 4;  // of a section
inline constexpr uint16_t kInterfaceName = 2;
inline constexpr uint16_t kTimeResolution = 9;
inline constexpr uint16_t kPacketFlags = 2;
inline constexpr uint32_t kInbound = 1;
inline constexpr uint32_t kOutbound = 2;

inline constexpr size_t Padded(size_t bytes) {
  return (bytes + 3) & ~size_t{3};
}

}  // namespace fdrpc::capture::pcapng

#endif  // FDRPC_SERVICES_CAPTURE_PCAPNG_H_
