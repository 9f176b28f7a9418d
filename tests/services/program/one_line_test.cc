#include "services/program/one_line.h"

#include <string_view>

#include "gtest/gtest.h"

namespace fdrpc::program {
namespace {

TEST(OneLineTest, EscapesWhatATerminalWouldObey) {
  const struct {
    std::string_view text;
    const char* line;
  } table[] = {
      {"plain", "plain"},
      {"a\nb\tc\r", "a\\nb\\x09c\\x0d"},
      {"\x1b[2J\x7f", "\\x1b[2J\\x7f"},
      {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x9f",
       "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x9f"},
      // CSI as one character of UTF-8, as a byte, and after half a character.
      {"\xc2\x9b"
       "2J",
       "\\xc2\\x9b2J"},
      {"\x9b"
       "2J",
       "\\x9b2J"},
      {"\xe2\x82x\x9b", "\xe2\x82x\\x9b"},
      {"\xc3", "\xc3"},
      {"\xff\xfe", "\\xff\\xfe"},
  };
  for (const auto& row : table) EXPECT_EQ(OneLine(row.text), row.line);
}

}  // namespace
}  // namespace fdrpc::program
