#ifndef FDRPC_SERVICES_CAPTURE_RECORD_H_
#define FDRPC_SERVICES_CAPTURE_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "fdrpc/descriptor_info.h"

namespace fdrpc::capture {

// A recording is a file in the format pcapng, as Wireshark opens it: a packet
// of the link type USER0 (147) for each record. docs/guide/recordings.md has
// the bytes.
inline constexpr uint16_t kLinkType = 147;
inline constexpr char kRecordMagic[] = "FDRR";
inline constexpr uint8_t kRecordVersion = 1;
inline constexpr size_t kRecordHeaderBytes = 16;
inline constexpr size_t kDescriptorBytes = 32;
// A longer record goes in several packets: Wireshark takes 262,144 bytes.
inline constexpr size_t kMostContentBytes = 192u << 10;
// A flag of a packet: the next one of its connection and direction continues
// it.
inline constexpr uint8_t kFlagContinues = 1;
// More than a server's .proto files have.
inline constexpr size_t kMostRecordBytes = 64u << 20;

enum class RecordKind : uint8_t {
  kConnected = 1,  // content: ConnectedContent
  kFrame = 2,      // content: the frame, with its header
  kEnded = 3,      // content: why, as text
  kDatagram = 4,   // content: a call without a connection, or its answer
  kSchema = 5,     // content: a google.protobuf.FileDescriptorSet
};
inline constexpr RecordKind kLastRecordKind = RecordKind::kSchema;

enum class Direction : uint8_t { kNone = 0, kFromClient = 1, kFromServer = 2 };

// The content of kConnected, three numbers of four bytes and this one's: the
// connection over which this one was offered for calls back, or 0.
struct ConnectedContent {
  uint32_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint32_t offered_over = 0;
};
inline constexpr size_t kConnectedBytes = 16;

struct Record {
  uint64_t time_ns = 0;  // since 1970
  RecordKind kind = RecordKind::kFrame;
  Direction direction = Direction::kNone;
  uint32_t connection = 0;  // counts from 1; 0: of none
  // Those of the frame or datagram; their `field` and `fd` are not recorded.
  std::vector<DescriptorInfo> descriptors;
  std::string content;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_RECORD_H_
