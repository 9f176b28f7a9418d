#ifndef FDRPC_WIRE_CUT_TEXT_H_
#define FDRPC_WIRE_CUT_TEXT_H_

#include <cstddef>
#include <string_view>

namespace fdrpc {

// The longest beginning of `text` of at most `most` bytes that ends with a
// whole UTF-8 character. For text that is not UTF-8 it may end anywhere.
inline std::string_view CutText(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  // A character has at most three bytes after its first, each of the form
  // 10xxxxxx.
  while (end > 0 && most - end < 4 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, most - end < 4 ? end : most);
}

}  // namespace fdrpc

#endif  // FDRPC_WIRE_CUT_TEXT_H_
