#include "tests/support/raw_frame.h"

namespace fdrpc::testing {
namespace {

std::string Bytes(uint64_t value, int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes.push_back(static_cast<char>(value & 0xff));
    value >>= 8;
  }
  return bytes;
}

uint32_t Read(const std::string& bytes, size_t offset, int count) {
  uint32_t value = 0;
  for (int i = count - 1; i >= 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes.at(offset + i));
  }
  return value;
}

}  // namespace

std::string Bytes16(uint16_t value) { return Bytes(value, 2); }
std::string Bytes32(uint32_t value) { return Bytes(value, 4); }
std::string Bytes64(uint64_t value) { return Bytes(value, 8); }

std::string Sized(const std::string& bytes) {
  return Bytes32(static_cast<uint32_t>(bytes.size())) + bytes;
}

uint32_t Read32(const std::string& bytes, size_t offset) {
  return Read(bytes, offset, 4);
}

std::string RawFrame::Bytes() const {
  return Bytes32(length.value_or(static_cast<uint32_t>(payload.size()))) +
         Bytes32(call) + static_cast<char>(type) + static_cast<char>(flags) +
         Bytes16(descriptors) + Bytes32(argument) + payload;
}

RawFrame RawFrame::FromHeader(const std::string& header) {
  return {.type = static_cast<uint8_t>(Read(header, 8, 1)),
          .call = Read(header, 4, 4),
          .flags = static_cast<uint8_t>(Read(header, 9, 1)),
          .descriptors = static_cast<uint16_t>(Read(header, 10, 2)),
          .argument = Read(header, 12, 4),
          .length = Read(header, 0, 4)};
}

std::string RawHello::Payload() const {
  return magic + Bytes16(version) + Bytes16(oldest_version) +
         Bytes64(features) + Bytes32(max_message_bytes) +
         Bytes32(max_descriptors) + Bytes32(max_calls) +
         Bytes32(initial_credit_bytes) + Bytes32(initial_credit_descriptors);
}

std::string MetadataBlock(
    const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string block;
  for (const auto& [key, value] : entries) {
    block += static_cast<char>(key.size());
    block += Bytes32(static_cast<uint32_t>(value.size()));
    block += key + value;
  }
  return block;
}

RawFrame MethodFrame(uint32_t number, const std::string& name) {
  return {.type = RawFrame::kMethod, .argument = number, .payload = name};
}

RawFrame OpenFrame(uint32_t call, uint32_t method, const std::string& message,
                   uint16_t descriptors) {
  return {.type = RawFrame::kOpen,
          .call = call,
          .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
          .descriptors = descriptors,
          .argument = method,
          .payload = message};
}

RawFrame CancelFrame(uint32_t call) {
  return {.type = RawFrame::kCancel, .call = call};
}

RawFrame PingFrame(uint32_t argument) {
  return {.type = RawFrame::kPing, .argument = argument};
}

RawFrame ReplyFrame(uint32_t call, const std::string& message,
                    uint16_t descriptors) {
  return {.type = RawFrame::kStatus,
          .call = call,
          .flags = RawFrame::kHasMessage,
          .descriptors = descriptors,
          .argument = 0,
          .payload = message};
}

RawFrame HeadersFrame(uint32_t call, const std::string& section) {
  return {.type = RawFrame::kHeaders,
          .call = call,
          .flags = RawFrame::kMetadata,
          .payload = section};
}

RawFrame StatusFrame(uint32_t call, uint32_t code, const std::string& text) {
  return {.type = RawFrame::kStatus,
          .call = call,
          .flags = RawFrame::kDetails,
          .argument = code,
          .payload = Sized(Sized(text))};
}

}  // namespace fdrpc::testing
