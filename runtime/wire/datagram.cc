#include "wire/datagram.h"

#include "wire/limits.h"
#include "wire/little_endian.h"

namespace fdrpc {
namespace {

constexpr uint16_t kVersion = 1;
constexpr size_t kMagicBytes = 4;
constexpr size_t kVersionOffset = 4;
constexpr size_t kNameLengthOffset = 6;
constexpr size_t kCallOffset = 16;

absl::Status Malformed(const char* what) {
  return absl::InvalidArgumentError(what);
}

void AppendHeader(const char* magic, const DatagramTag& tag, size_t name_length,
                  std::string& to) {
  to.append(magic, kMagicBytes);
  AppendLittleEndian(to, kVersion);
  AppendLittleEndian(to, static_cast<uint16_t>(name_length));
  AppendLittleEndian(to, tag.key);
  AppendLittleEndian(to, tag.call);
}

absl::Status DecodeHeader(std::string_view bytes, const char* magic,
                          DatagramTag& tag, size_t& name_length) {
  if (bytes.size() < kDatagramHeaderBytes ||
      bytes.substr(0, kMagicBytes) != std::string_view(magic, kMagicBytes)) {
    return Malformed("a datagram without the header of a call");
  }
  const char* const at = bytes.data();
  if (LoadLittleEndian<uint16_t>(at + kVersionOffset) != kVersion) {
    return Malformed("a datagram of another version of the protocol");
  }
  name_length = LoadLittleEndian<uint16_t>(at + kNameLengthOffset);
  tag.key = LoadLittleEndian<uint64_t>(at + kDatagramKeyOffset);
  tag.call = LoadLittleEndian<uint64_t>(at + kCallOffset);
  return absl::OkStatus();
}

}  // namespace

void AppendDatagramCall(const DatagramTag& tag, std::string_view method,
                        std::string& to) {
  AppendHeader(kDatagramCallMagic, tag, method.size(), to);
  to.append(method);
}

absl::Status DecodeDatagramCall(std::string_view bytes, DatagramCall& call) {
  size_t name_length = 0;
  absl::Status decoded =
      DecodeHeader(bytes, kDatagramCallMagic, call.tag, name_length);
  if (!decoded.ok()) return decoded;
  bytes.remove_prefix(kDatagramHeaderBytes);
  if (name_length == 0 || name_length > kMaxMethodNameBytes ||
      name_length > bytes.size()) {
    return Malformed("a datagram whose method's name is empty or cut off");
  }
  call.method = bytes.substr(0, name_length);
  bytes.remove_prefix(name_length);
  decoded = TakeDatagramFrame(bytes, Side::kClient, call.open, call.payload);
  if (!decoded.ok()) return decoded;
  if (call.open.type != static_cast<uint8_t>(FrameType::kOpen) ||
      call.open.argument != kDatagramMethodId) {
    return Malformed("a datagram without the open frame of its method");
  }
  constexpr uint8_t kWhole = kFlagMessage | kFlagHalfClose;
  if ((call.open.flags & (kWhole | kFlagMore)) != kWhole) {
    return Malformed("a datagram without one whole request");
  }
  if (!bytes.empty()) return Malformed("a datagram with more than a request");
  return decoded;
}

void AppendDatagramAnswer(const DatagramTag& tag, std::string& to) {
  AppendHeader(kDatagramAnswerMagic, tag, 0, to);
}

absl::Status DecodeDatagramAnswer(std::string_view bytes, DatagramTag& tag,
                                  std::string_view& frames) {
  size_t zero = 0;
  absl::Status decoded = DecodeHeader(bytes, kDatagramAnswerMagic, tag, zero);
  if (!decoded.ok()) return decoded;
  if (zero != 0) return Malformed("an answer with a method's name");
  frames = bytes.substr(kDatagramHeaderBytes);
  return decoded;
}

absl::Status TakeDatagramFrame(std::string_view& frames, Side sender,
                               FrameHeader& header, std::string_view& payload) {
  if (frames.size() < kFrameHeaderBytes) {
    return Malformed("a datagram that ends within a frame's header");
  }
  header = DecodeFrameHeader(frames.data());
  if (header.type >= kFirstSkippableType) {
    return Malformed("a frame of an unknown type in a datagram");
  }
  absl::Status allowed =
      FitsLimits(header) ? CheckFrame(header, sender) : FrameTooLarge(header);
  if (!allowed.ok()) return allowed;
  if (header.call_id != kDatagramCallId) {
    return Malformed("a frame of another call id than 1 in a datagram");
  }
  frames.remove_prefix(kFrameHeaderBytes);
  if (header.payload_bytes > frames.size()) {
    return Malformed("a datagram that ends within a frame");
  }
  payload = frames.substr(0, header.payload_bytes);
  frames.remove_prefix(header.payload_bytes);
  return absl::OkStatus();
}

}  // namespace fdrpc
