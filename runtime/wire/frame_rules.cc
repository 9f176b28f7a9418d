#include "wire/frame_rules.h"

#include <iterator>

#include "absl/strings/str_cat.h"

namespace fdrpc {
namespace {

// All but the last rule are at their type's index, from 1.
constexpr size_t kCounted = std::size(kFrameRules) - 1;

constexpr bool InOrderOfTypes() {
  for (size_t i = 0; i < kCounted; ++i) {
    if (kFrameRules[i].type != static_cast<FrameType>(i + 1)) return false;
  }
  return kFrameRules[kCounted].type == FrameType::kOffer;
}
static_assert(InOrderOfTypes());

// Null for unknown types.
const FrameRule* RuleOf(uint8_t type) {
  if (type >= 1 && type <= kCounted) return &kFrameRules[type - 1];
  return type == static_cast<uint8_t>(FrameType::kOffer)
             ? &kFrameRules[kCounted]
             : nullptr;
}

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
  if (header.argument < rule.argument.least) {
    return header.argument == 0 ? "has the argument 0"
                                : "has an argument below its limit";
  }
  if (header.payload_bytes > rule.payload_bytes.most) {
    return "has more payload than it can have";
  }
  if (header.payload_bytes < rule.payload_bytes.least) {
    return "has less payload than it needs";
  }
  if (!has_message && header.descriptor_count > rule.descriptors.most) {
    return rule.descriptors.most == 0 ? "has descriptors without a message"
                                      : "has more than one descriptor";
  }
  if (!has_message && header.descriptor_count < rule.descriptors.least) {
    return "has no descriptor";
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
  const FrameRule* const found = RuleOf(header.type);
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("a frame of unknown type ", header.type));
  }
  const FrameRule& rule = *found;
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
