#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/tracing.h"

namespace fdrpc {
namespace {

// Where the parts of a traceparent are: version, trace id, span id, flags.
constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = 36;
constexpr size_t kFlagsAt = 53;
constexpr size_t kLength = 55;

template <size_t kSize>
std::string Hex(const std::array<uint8_t, kSize>& bytes) {
  return absl::BytesToHexString(
      std::string(reinterpret_cast<const char*>(bytes.data()), kSize));
}

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  // Capitals are not valid.
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

template <size_t kSize>
bool Read(std::string_view text, std::array<uint8_t, kSize>& bytes) {
  for (size_t i = 0; i < kSize; ++i) {
    const int high = Digit(text[2 * i]);
    const int low = Digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return true;
}

template <size_t kSize>
bool IsZero(const std::array<uint8_t, kSize>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string TraceContext::ToTraceparent() const {
  return absl::StrCat("00-", Hex(trace_id), "-", Hex(span_id), "-",
                      Hex(std::array<uint8_t, 1>{flags}));
}

std::optional<TraceContext> TraceContext::Parse(std::string_view traceparent) {
  constexpr uint8_t kInvalidVersion = 0xff;
  std::array<uint8_t, 1> version;
  std::array<uint8_t, 1> flags;
  TraceContext context;
  if (traceparent.size() < kLength || traceparent[kTraceAt - 1] != '-' ||
      traceparent[kSpanAt - 1] != '-' || traceparent[kFlagsAt - 1] != '-' ||
      !Read(traceparent, version) ||
      !Read(traceparent.substr(kTraceAt), context.trace_id) ||
      !Read(traceparent.substr(kSpanAt), context.span_id) ||
      !Read(traceparent.substr(kFlagsAt), flags)) {
    return std::nullopt;
  }
  const bool longer = traceparent.size() > kLength;
  if (version[0] == kInvalidVersion || (version[0] == 0 && longer) ||
      (longer && traceparent[kLength] != '-') || IsZero(context.trace_id) ||
      IsZero(context.span_id)) {
    return std::nullopt;
  }
  context.flags = flags[0];
  return context;
}

}  // namespace fdrpc
