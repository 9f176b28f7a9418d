#ifndef FDRPC_WIRE_CUT_TEXT_H_
#define FDRPC_WIRE_CUT_TEXT_H_

#include <cstddef>
#include <string_view>

namespace fdrpc {

// The beginning of `text`, at most `most` bytes of it, that ends with a whole
// character of UTF-8; of text that is none, any byte.
inline std::string_view CutText(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  // A character has at most three bytes behind its first, each 10xxxxxx.
  while (end > 0 && most - end < 4 && (text[end] & 0xc0) == 0x80) --end;
  return text.substr(0, most - end < 4 ? end : most);
}

}  // namespace fdrpc

#endif  // FDRPC_WIRE_CUT_TEXT_H_
