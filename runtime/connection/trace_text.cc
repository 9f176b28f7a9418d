#include "connection/trace_text.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace fdrpc {
namespace {

const FrameRule* RuleOf(uint8_t type) {
  for (const FrameRule& rule : kFrameRules) {
    if (static_cast<uint8_t>(rule.type) == type) return &rule;
  }
  return nullptr;
}

// What the argument of a frame of that type means; null: nothing to say.
const char* MeaningOfArgument(FrameType type) {
  switch (type) {
    case FrameType::kOpen:
    case FrameType::kMethod:
      return "method";
    case FrameType::kStatus:
      return "status";
    case FrameType::kCredit:
      return "credit";
    case FrameType::kGoAway:
      return "last call";
    default:
      return nullptr;
  }
}

}  // namespace

std::string DescribeFrame(const FrameHeader& header) {
  const FrameRule* const rule = RuleOf(header.type);
  std::string text = rule != nullptr
                         ? std::string(rule->name)
                         : absl::StrCat("frame of type ", header.type);
  if (header.call_id != 0) absl::StrAppend(&text, " of call ", header.call_id);
  if (rule != nullptr) {
    const char* const meaning = MeaningOfArgument(rule->type);
    if (meaning != nullptr) {
      absl::StrAppend(&text, ", ", meaning, " ", header.argument);
    }
    if (rule->type == FrameType::kStatus) {
      absl::StrAppend(&text, " ",
                      absl::StatusCodeToString(
                          static_cast<absl::StatusCode>(header.argument)));
    }
  }
  if (header.payload_bytes > 0) {
    absl::StrAppend(&text, ", ", header.payload_bytes, " bytes");
  }
  if (header.descriptor_count > 0) {
    absl::StrAppend(
        &text, ", ", header.descriptor_count,
        header.descriptor_count == 1 ? " descriptor" : " descriptors");
  }
  if (rule == nullptr) return text;
  const auto has = [&](uint8_t flag) {
    return rule->Has(flag) && (header.flags & flag) != 0;
  };
  const bool opens = rule->type == FrameType::kOpen;
  if (opens && has(kFlagOneWay)) text += ", one-way";
  if ((opens || rule->type == FrameType::kMessage) && has(kFlagMore)) {
    text += ", more follows";
  }
  if ((opens || rule->type == FrameType::kMessage) && has(kFlagHalfClose)) {
    text += ", half-close";
  }
  return text;
}

void TraceFrame(Side side, std::string_view over, bool sent,
                const FrameHeader& header) {
  Trace::Line(absl::StrCat(NameOf(side), " ", std::string(over),
                           sent ? " -> " : " <- ", DescribeFrame(header)));
}

void CallTrace::Begin(std::string_view method, const std::string& details) {
  static std::atomic<uint64_t> last{0};
  number_ = last.fetch_add(1, std::memory_order_relaxed) + 1;
  began_ = Clock::Real().Now();
  if (Trace::Writes(Trace::kCalls)) {
    Write(method, absl::StrCat("begins", details));
  }
}

void CallTrace::Write(std::string_view method, std::string_view text) const {
  Trace::Line(absl::StrCat(NameOf(side_), " call ", number_, ": ",
                           std::string(method), " ", std::string(text)));
}

void CallTrace::WriteEnd(std::string_view method, const absl::Status& status) {
  if (!status.ok() || Trace::Writes(Trace::kCalls)) {
    Write(method, absl::StrCat(
                      "ends after ",
                      absl::FormatDuration(
                          absl::FromChrono(Clock::Real().Now() - began_)),
                      ": ",
                      status.ok() ? "OK"
                                  : absl::StrCat(
                                        absl::StatusCodeToString(status.code()),
                                        ": ", std::string(status.message()))));
  }
  number_ = 0;
}

}  // namespace fdrpc
