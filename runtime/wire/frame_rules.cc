#include "wire/frame_rules.h"

#include <iterator>

#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

constexpr bool InOrderOfTypes() {
  for (size_t i = 0; i < std::size(kFrameRules); ++i) {
    if (kFrameRules[i].type != static_cast<FrameType>(i + 1)) return false;
  }
  return true;
}
static_assert(InOrderOfTypes());

// The mistake in the header; null if there is none.
const char* Mistake(const FrameHeader& header, const FrameRule& rule,
                    Side sender) {
  const uint8_t flags = header.flags;
  const bool has_message =
      rule.Has(kFlagMessage) && (flags & kFlagMessage) != 0;
  if ((flags & ~rule.FlagsOf(sender)) != 0) {
    return "has a flag that it cannot have";
  }
  if ((header.call_id != 0) != rule.of_call) {
    return rule.of_call ? "has call id 0" : "has the id of a call";
  }
  if (header.argument > rule.argument.most) {
    return rule.argument.most == 0 ? "has an argument"
                                   : "has an argument above its limit";
  }
  if (header.argument < rule.argument.least) return "has the argument 0";
  if (header.payload_bytes > rule.payload_bytes.most) {
    return "has more payload than it can have";
  }
  if (header.payload_bytes < rule.payload_bytes.least) {
    return "has less payload than it needs";
  }
  if (header.descriptor_count != 0 && !has_message) {
    return "has descriptors without a message";
  }
  if (rule.Has(kFlagMore) && (flags & kFlagMore) != 0 && !has_message) {
    return "says that more comes of a message that it does not begin";
  }
  if (rule.needed_flags != 0 && (flags & rule.needed_flags) == 0) {
    return "says nothing";
  }
  if (rule.type == FrameType::kMessage && !has_message &&
      header.payload_bytes != 0) {
    return "has bytes that no flag announces";
  }
  return nullptr;
}

}  // namespace

absl::Status CheckFrame(const FrameHeader& header, Side sender) {
  if (header.type == 0 || header.type > std::size(kFrameRules)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of unknown type ", header.type));
  }
  const FrameRule& rule = kFrameRules[header.type - 1];
  if (!rule.ComesFrom(sender)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame \"", rule.name, "\" from a ",
                     sender == Side::kClient ? "client" : "server"));
  }
  if (const char* mistake = Mistake(header, rule, sender)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame \"", rule.name, "\" ", mistake));
  }
  return absl::OkStatus();
}

absl::Status FrameTooLarge(const FrameHeader& header) {
  return absl::InvalidArgumentError(
      absl::StrCat("a frame announces ", header.payload_bytes, " bytes and ",
                   header.descriptor_count, " descriptors; the limits are ",
                   kMaxFramePayloadBytes, " and ", kMaxFrameDescriptors));
}

}  // namespace fdrpc
