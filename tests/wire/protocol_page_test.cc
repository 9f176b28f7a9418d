// The table of frame rules is the same as the one in docs/protocol.md, row by
// row, in both directions.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wire/frame_rules.h"

namespace fdrpc {
namespace {

using Cells = std::vector<std::string>;

// The rows of the table with this head.
std::vector<Cells> TableOf(const Cells& head) {
  std::ifstream page(FDRPC_PROTOCOL_PAGE);
  std::vector<Cells> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    absl::string_view row(line);
    if (!absl::ConsumePrefix(&row, "|")) {
      if (inside) break;
      continue;
    }
    Cells cells;
    for (const absl::string_view cell :
         absl::StrSplit(absl::StripSuffix(row, "|"), '|')) {
      cells.emplace_back(absl::StripAsciiWhitespace(cell));
    }
    if (inside) {
      if (!absl::StartsWith(cells[0], "---")) rows.push_back(std::move(cells));
    } else {
      inside = cells == head;
    }
  }
  EXPECT_FALSE(rows.empty()) << "the page has no such table";
  return rows;
}

uint32_t Number(absl::string_view text) {
  uint32_t number = 0;
  EXPECT_TRUE(absl::SimpleAtoi(absl::StrReplaceAll(text, {{",", ""}}), &number))
      << text;
  return number;
}

// "–" means nothing; "…, 1 to 4,096", "…, from 1" and "…, up to 1,024 bytes"
// mean what they say; everything else means any value up to `most`.
FrameRule::Range RangeOf(const std::string& cell, uint32_t most) {
  if (cell == "–") return {0, 0};
  const Cells words = absl::StrSplit(cell, absl::ByAnyChar(" ;"));
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "from") return {Number(words[i + 1]), most};
    if (words[i] != "to") continue;
    const uint32_t least = words[i - 1] == "up" ? 0 : Number(words[i - 1]);
    return {least, Number(words[i + 1])};
  }
  return {0, most};
}

// The values of the flags of a frame with that name.
std::map<std::string, uint8_t> FlagsOn(const std::string& name) {
  std::map<std::string, uint8_t> flags;
  for (const Cells& row : TableOf({"flag", "value", "on"})) {
    const Cells on = absl::StrSplit(row[2], ", ");
    for (const std::string& type : on) {
      if (type != name) continue;
      flags[row[0]] =
          static_cast<uint8_t>(std::stoul(row[1], nullptr, /*base=*/16));
    }
  }
  return flags;
}

TEST(ProtocolPageTest, HasTheRulesOfFramesInTheSameWords) {
  const std::vector<Cells> rows =
      TableOf({"type", "name", "from", "of", "argument", "payload", "flags"});
  ASSERT_EQ(rows.size(), std::size(kFrameRules));
  for (size_t i = 0; i < rows.size(); ++i) {
    const Cells& row = rows[i];
    const FrameRule& rule = kFrameRules[i];
    SCOPED_TRACE(rule.name);
    EXPECT_EQ(Number(row[0]), static_cast<uint32_t>(rule.type));
    EXPECT_EQ(row[1], rule.name);
    const std::map<FrameRule::From, std::string> from = {
        {FrameRule::From::kClient, "client"},
        {FrameRule::From::kServer, "server"},
        {FrameRule::From::kBoth, "both"}};
    EXPECT_EQ(row[2], from.at(rule.from));
    EXPECT_EQ(row[3], rule.of_call ? "call" : "connection");
    const FrameRule::Range argument = RangeOf(row[4], 0xffffffff);
    EXPECT_EQ(argument.least, rule.argument.least);
    EXPECT_EQ(argument.most, rule.argument.most);
    const FrameRule::Range payload = RangeOf(row[5], 1u << 20);
    EXPECT_EQ(payload.least, rule.payload_bytes.least);
    EXPECT_EQ(payload.most, rule.payload_bytes.most);
  }
}

TEST(ProtocolPageTest, HasTheFlagsOfFramesInTheSameWords) {
  const std::vector<Cells> rows =
      TableOf({"type", "name", "from", "of", "argument", "payload", "flags"});
  ASSERT_EQ(rows.size(), std::size(kFrameRules));
  for (size_t i = 0; i < rows.size(); ++i) {
    const FrameRule& rule = kFrameRules[i];
    SCOPED_TRACE(rule.name);
    const std::map<std::string, uint8_t> values = FlagsOn(rule.name);
    uint8_t flags = 0;
    uint8_t client_flags = 0;
    std::string cell = rows[i][6];
    if (cell != "–") {
      const Cells parts = absl::StrSplit(cell, "; from a client also ");
      for (const absl::string_view flag : absl::StrSplit(parts[0], ", ")) {
        flags |= values.at(std::string(flag));
      }
      if (parts.size() > 1) client_flags = values.at(parts[1]);
    }
    EXPECT_EQ(flags | client_flags, rule.flags);
    EXPECT_EQ(client_flags, rule.client_flags);
    size_t count = 0;
    for (uint8_t left = rule.flags; left != 0; left &= left - 1) ++count;
    EXPECT_EQ(values.size(), count) << "each is in the table of flags";
  }
}

}  // namespace
}  // namespace fdrpc
