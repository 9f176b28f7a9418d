#include "wire/frame_rules.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "wire/limits.h"
#include "wire/open_header.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

// Flags of a type that a side does not send.
constexpr uint8_t kNever = 0xff;

enum class Argument : uint8_t { kZero, kPositive, kAny };

struct Rule {
  const char* name;
  uint8_t client_flags;
  uint8_t server_flags;
  bool of_call;  // has the id of a call; else 0
  Argument argument;
  uint32_t max_payload_bytes;
};

constexpr uint8_t kMessageFlags = kFlagMessage | kFlagMore;

// By type.
constexpr Rule kRules[] = {
    {"", kNever, kNever, false, Argument::kAny, 0},
    {"hello", 0, 0, false, Argument::kZero, kMaxHelloBytes},
    {"open", kOpenFlags, kNever, true, Argument::kPositive,
     kMaxFramePayloadBytes},
    {"headers", kNever, kFlagMetadata, true, Argument::kZero,
     kMaxFramePayloadBytes},
    {"message", kMessageFlags | kFlagHalfClose, kMessageFlags, true,
     Argument::kZero, kMaxFramePayloadBytes},
    {"status", kNever, kStatusFlags, true, Argument::kAny,
     kMaxFramePayloadBytes},
    {"cancel", 0, kNever, true, Argument::kZero, 0},
    {"credit", kFlagDescriptors, kFlagDescriptors, true, Argument::kPositive,
     0},
    {"ping", 0, 0, false, Argument::kAny, 0},
    {"pong", 0, 0, false, Argument::kAny, 0},
    {"go-away", kNever, 0, false, Argument::kAny, kMaxReasonBytes},
    {"method", 0, kNever, false, Argument::kPositive, kMaxMethodNameBytes},
};

// What is wrong with the header; null if nothing is.
const char* Mistake(const FrameHeader& header, const Rule& rule,
                    uint8_t allowed_flags) {
  const uint8_t flags = header.flags;
  const auto type = static_cast<FrameType>(header.type);
  const bool has_message = (flags & kFlagMessage & allowed_flags) != 0;
  if ((flags & ~allowed_flags) != 0) return "has a flag that it cannot have";
  if ((header.call_id != 0) != rule.of_call) {
    return rule.of_call ? "has call id 0" : "has the id of a call";
  }
  if (rule.argument == Argument::kZero && header.argument != 0) {
    return "has an argument";
  }
  if (rule.argument == Argument::kPositive && header.argument == 0) {
    return "has the argument 0";
  }
  if (header.payload_bytes > rule.max_payload_bytes) {
    return "has more payload than it can have";
  }
  if (header.descriptor_count != 0 && !has_message) {
    return "has descriptors without a message";
  }
  if (!has_message && (flags & allowed_flags & kFlagMore) != 0) {
    return "says that more comes of a message that it does not begin";
  }
  if (type == FrameType::kMessage && !has_message) {
    if (flags == 0) return "says nothing";
    if (header.payload_bytes != 0) return "has bytes that no flag announces";
  }
  if (type == FrameType::kHeaders && flags == 0) return "says nothing";
  if (type == FrameType::kMethod && header.payload_bytes == 0) {
    return "has no name";
  }
  return nullptr;
}

}  // namespace

absl::Status CheckFrame(const FrameHeader& header, Side sender) {
  if (header.type == 0 || header.type >= std::size(kRules)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of unknown type ", header.type));
  }
  const Rule& rule = kRules[header.type];
  const uint8_t flags =
      sender == Side::kClient ? rule.client_flags : rule.server_flags;
  if (flags == kNever) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame \"", rule.name, "\" from a ",
                     sender == Side::kClient ? "client" : "server"));
  }
  if (const char* mistake = Mistake(header, rule, flags)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame \"", rule.name, "\" ", mistake));
  }
  return absl::OkStatus();
}

}  // namespace fdrpc
