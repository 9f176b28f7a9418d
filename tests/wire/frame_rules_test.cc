#include "wire/frame_rules.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

constexpr uint8_t kAllOpen = 0x3f;
constexpr uint8_t kAllStatus = 0x0f;

// The table of docs/protocol.md, written down again.
struct Row {
  uint8_t type;
  const char* name;
  bool from_client;
  bool from_server;
  FrameHeader good;
  uint8_t client_flags;
  uint8_t server_flags;
  bool has_argument;  // else it is 0
  bool any_argument;  // 0 too
  uint32_t max_payload;
};
const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {1, "hello", true, true, {}, 0, 0, false, true, 256},
      {2,
       "open",
       true,
       false,
       {.call_id = 1, .argument = 1},
       kAllOpen,
       0,
       true,
       false,
       1u << 20},
      {3,
       "headers",
       false,
       true,
       {.call_id = 1, .flags = 0x04},
       0,
       0x04,
       false,
       true,
       1u << 20},
      {4,
       "message",
       true,
       true,
       {.call_id = 1, .flags = 0x08},
       0x38,
       0x18,
       false,
       true,
       1u << 20},
      {5,
       "status",
       false,
       true,
       {.call_id = 1},
       0,
       kAllStatus,
       true,
       true,
       1u << 20},
      {6, "cancel", true, false, {.call_id = 1}, 0, 0, false, true, 0},
      {7,
       "credit",
       true,
       true,
       {.call_id = 1, .argument = 1},
       1,
       1,
       true,
       false,
       0},
      {8, "ping", true, true, {}, 0, 0, true, true, 0},
      {9, "pong", true, true, {}, 0, 0, true, true, 0},
      {10, "go-away", false, true, {}, 0, 0, true, true, 1024},
      {11,
       "method",
       true,
       false,
       {.payload_bytes = 3, .argument = 1},
       0,
       0,
       true,
       false,
       1024},
  };
  return rows;
}

class FrameRulesTest : public ::testing::Test {
 protected:
  // Calls `check` for each type and each side that sends it.
  template <typename Check>
  static void ForEach(Check check) {
    for (const Row& row : Rows()) {
      for (const Side side : {Side::kClient, Side::kServer}) {
        const bool client = side == Side::kClient;
        if (!(client ? row.from_client : row.from_server)) continue;
        SCOPED_TRACE(std::string(row.name) + (client ? " (c)" : " (s)"));
        FrameHeader header = row.good;
        header.type = row.type;
        check(row, header, side, client ? row.client_flags : row.server_flags);
      }
    }
  }
  static bool Valid(const FrameHeader& header, Side side) {
    return CheckFrame(header, side).ok();
  }
};

TEST_F(FrameRulesTest, EachTypeComesFromItsSides) {
  for (const Row& row : Rows()) {
    SCOPED_TRACE(row.name);
    FrameHeader header = row.good;
    header.type = row.type;
    EXPECT_EQ(Valid(header, Side::kClient), row.from_client);
    EXPECT_EQ(Valid(header, Side::kServer), row.from_server);
  }
}

TEST_F(FrameRulesTest, AMistakeNamesTheFrameAndWhoSentIt) {
  const absl::Status go_away =
      CheckFrame({.type = 10, .argument = 1}, Side::kClient);
  EXPECT_TRUE(absl::IsInvalidArgument(go_away));
  EXPECT_THAT(std::string(go_away.message()),
              HasSubstr("\"go-away\" from a client"));
  EXPECT_THAT(std::string(CheckFrame({.type = 12}, Side::kServer).message()),
              HasSubstr("unknown type 12"));
  EXPECT_THAT(
      std::string(
          CheckFrame({.call_id = 1, .type = 7}, Side::kServer).message()),
      HasSubstr("\"credit\" has the argument 0"));
}

TEST_F(FrameRulesTest, TypesThatThisVersionDoesNotKnowAreRefused) {
  for (int type = 0; type < kFirstSkippableType; ++type) {
    if (type >= 1 && type <= 11) continue;
    for (const Side side : {Side::kClient, Side::kServer}) {
      EXPECT_FALSE(Valid({.type = static_cast<uint8_t>(type)}, side)) << type;
      EXPECT_FALSE(
          Valid({.call_id = 1, .type = static_cast<uint8_t>(type)}, side));
    }
  }
}

TEST_F(FrameRulesTest, FlagsThatATypeDoesNotHaveAreRefused) {
  ForEach([](const Row&, FrameHeader header, Side side, uint8_t flags) {
    for (int bit = 0; bit < 8; ++bit) {
      const auto flag = static_cast<uint8_t>(1 << bit);
      if ((flags & flag) != 0) continue;
      FrameHeader wrong = header;
      wrong.flags |= flag;
      EXPECT_FALSE(Valid(wrong, side)) << bit;
    }
    if (flags == 0) return;
    header.flags = flags;
    EXPECT_TRUE(Valid(header, side)) << "all that it has";
  });
}

TEST_F(FrameRulesTest, TheCallIdIsZeroJustWhereThereIsNoCall) {
  ForEach([](const Row&, FrameHeader header, Side side, uint8_t) {
    header.call_id = header.call_id == 0 ? 1 : 0;
    EXPECT_FALSE(Valid(header, side));
  });
}

TEST_F(FrameRulesTest, AnArgumentWithoutMeaningIsZero) {
  ForEach([](const Row& row, FrameHeader header, Side side, uint8_t) {
    header.argument = 0;
    EXPECT_EQ(Valid(header, side), row.any_argument);
    for (const uint32_t argument : {1u, 0x80000000u, 0xffffffffu}) {
      header.argument = argument;
      EXPECT_EQ(Valid(header, side), row.has_argument) << argument;
    }
  });
}

TEST_F(FrameRulesTest, APayloadIsNotLongerThanItsTypeAllows) {
  ForEach([](const Row& row, FrameHeader header, Side side, uint8_t) {
    header.payload_bytes = row.max_payload;
    EXPECT_TRUE(Valid(header, side));
    header.payload_bytes = row.max_payload + 1;
    EXPECT_FALSE(Valid(header, side));
  });
}

TEST_F(FrameRulesTest, DescriptorsComeWithAMessageOnly) {
  ForEach([](const Row&, FrameHeader header, Side side, uint8_t flags) {
    header.descriptor_count = 1;
    header.flags = static_cast<uint8_t>(header.flags & ~kFlagMessage);
    EXPECT_FALSE(Valid(header, side));
    if ((flags & kFlagMessage) == 0) return;
    header.flags |= kFlagMessage;
    EXPECT_TRUE(Valid(header, side));
  });
}

TEST_F(FrameRulesTest, FramesThatSayNothingAreRefused) {
  for (const Side side : {Side::kClient, Side::kServer}) {
    EXPECT_FALSE(Valid({.call_id = 1, .type = 4}, side));
    EXPECT_FALSE(Valid({.call_id = 1, .type = 4, .flags = kFlagMore}, side));
  }
  EXPECT_FALSE(Valid({.call_id = 1, .type = 3}, Side::kServer));
  EXPECT_FALSE(Valid({.type = 11, .argument = 1}, Side::kClient));
  EXPECT_FALSE(
      Valid({.call_id = 1, .type = 2, .flags = kFlagMore, .argument = 1},
            Side::kClient));
}

TEST_F(FrameRulesTest, AHalfCloseAloneHasNoBytes) {
  FrameHeader header = {.call_id = 1, .type = 4, .flags = kFlagHalfClose};
  EXPECT_TRUE(Valid(header, Side::kClient));
  header.payload_bytes = 1;
  EXPECT_FALSE(Valid(header, Side::kClient));
}

}  // namespace
}  // namespace fdrpc
