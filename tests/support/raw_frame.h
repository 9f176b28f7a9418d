#ifndef FDRPC_TESTS_SUPPORT_RAW_FRAME_H_
#define FDRPC_TESTS_SUPPORT_RAW_FRAME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fdrpc::testing {

// A frame as bytes, valid or not. Written from the protocol's description,
// without the runtime's encoders, so that tests find mistakes in those.
struct RawFrame {
  // Frame types.
  static constexpr uint8_t kHello = 1, kOpen = 2, kHeaders = 3, kMessage = 4,
                           kStatus = 5, kCancel = 6, kCredit = 7, kPing = 8,
                           kPong = 9, kGoAway = 10, kMethod = 11, kOffer = 0x80;
  // Flags.
  static constexpr uint8_t kTimeout = 0x01, kDetails = 0x01, kOneWay = 0x02,
                           kTrailers = 0x02, kMetadata = 0x04,
                           kHasMessage = 0x08, kMore = 0x10, kHalfClose = 0x20,
                           kSealed = 0x80;
  static constexpr size_t kHeaderBytes = 16;

  uint8_t type = 0;
  uint32_t call = 0;
  uint8_t flags = 0;
  uint16_t descriptors = 0;  // as announced
  uint32_t argument = 0;
  std::string payload = {};
  // The length in the header, if not the payload's.
  std::optional<uint32_t> length = std::nullopt;

  std::string Bytes() const;
  // Reads a header; the payload is empty, and its length is in `length`.
  static RawFrame FromHeader(const std::string& header);
};

// Integers as they are on the wire.
std::string Bytes16(uint16_t value);
std::string Bytes32(uint32_t value);
std::string Bytes64(uint64_t value);
// Bytes with their length in front.
std::string Sized(const std::string& bytes);
uint32_t Read32(const std::string& bytes, size_t offset);

// The content of a hello.
struct RawHello {
  std::string magic = "FDRP";
  uint16_t version = 1;
  uint16_t oldest_version = 1;
  uint64_t features = 0;
  uint32_t max_message_bytes = 64u << 20;
  uint32_t max_descriptors = 1024;
  uint32_t max_calls = 1024;
  uint32_t initial_credit_bytes = 64u << 10;
  uint32_t initial_credit_descriptors = 16;

  std::string Payload() const;
  RawFrame Frame() const {
    return {.type = RawFrame::kHello, .payload = Payload()};
  }
  std::string Bytes() const { return Frame().Bytes(); }
};

// A metadata block without its length.
std::string MetadataBlock(
    const std::vector<std::pair<std::string, std::string>>& entries);

RawFrame MethodFrame(uint32_t number, const std::string& name);
// A whole unary request: the message is in the frame, and nothing follows.
RawFrame OpenFrame(uint32_t call, uint32_t method, const std::string& message,
                   uint16_t descriptors = 0);
RawFrame CancelFrame(uint32_t call);
RawFrame PingFrame(uint32_t argument);
// A headers frame with that section of metadata.
RawFrame HeadersFrame(uint32_t call, const std::string& section);
// A whole unary reply.
RawFrame ReplyFrame(uint32_t call, const std::string& message,
                    uint16_t descriptors = 0);
// The status of a call without a reply.
RawFrame StatusFrame(uint32_t call, uint32_t code, const std::string& text);

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_RAW_FRAME_H_
