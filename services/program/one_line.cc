#include "services/program/one_line.h"

#include "absl/strings/str_format.h"

namespace fdrpc::program {
namespace {

// The bytes that follow this one in a character of UTF-8.
int FollowingBytes(unsigned char first) {
  if (first >= 0xf0) return 3;
  if (first >= 0xe0) return 2;
  return first >= 0xc0 ? 1 : 0;
}

bool Follows(unsigned char c) { return c >= 0x80 && c < 0xc0; }

}  // namespace

std::string OneLine(std::string_view text) {
  std::string line;
  int following = 0;  // bytes of the present character
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const unsigned char next =
        i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool in_character = following > 0 && Follows(c);
    // U+0080 to U+009F, and as single bytes: also control characters (C1).
    const bool begins_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
    const bool is_stray = !in_character && (Follows(c) || c >= 0xf8);
    following = in_character            ? following - 1
                : begins_c1 || is_stray ? 0
                                        : FollowingBytes(c);
    if (c == '\n') {
      line += "\\n";
    } else if (c < 0x20 || c == 0x7f || begins_c1 || is_stray) {
      absl::StrAppendFormat(&line, "\\x%02x", c);
    } else {
      line += static_cast<char>(c);
    }
  }
  return line;
}

}  // namespace fdrpc::program
