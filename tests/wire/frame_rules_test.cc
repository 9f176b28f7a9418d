#include "wire/frame_rules.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

class FrameRulesTest : public ::testing::Test {
 protected:
  // A header with only what its type needs.
  static FrameHeader Good(const FrameRule& rule) {
    FrameHeader header = {
        .payload_bytes = rule.payload_bytes.least,
        .call_id = rule.of_call ? 1u : 0u,
        .type = static_cast<uint8_t>(rule.type),
        .descriptor_count = static_cast<uint16_t>(rule.descriptors.least),
        .argument = rule.argument.least,
    };
    // One of the needed flags.
    header.flags = static_cast<uint8_t>(rule.needed_flags & -rule.needed_flags);
    return header;
  }
  // Calls `check` for each type and each side that sends it.
  template <typename Check>
  static void ForEach(Check check) {
    for (const FrameRule& rule : kFrameRules) {
      for (const Side side : {Side::kClient, Side::kServer}) {
        if (!rule.ComesFrom(side)) continue;
        SCOPED_TRACE(std::string(rule.name) +
                     (side == Side::kClient ? " (c)" : " (s)"));
        ASSERT_TRUE(Valid(Good(rule), side));
        check(rule, Good(rule), side);
      }
    }
  }
  static bool Valid(const FrameHeader& header, Side side) {
    return CheckFrame(header, side).ok();
  }
};

TEST_F(FrameRulesTest, EachTypeComesFromItsSides) {
  for (const FrameRule& rule : kFrameRules) {
    SCOPED_TRACE(rule.name);
    const FrameHeader header = Good(rule);
    EXPECT_EQ(Valid(header, Side::kClient),
              rule.from != FrameRule::From::kServer);
    EXPECT_EQ(Valid(header, Side::kServer),
              rule.from != FrameRule::From::kClient);
  }
}

TEST_F(FrameRulesTest, AMistakeNamesTheFrameAndWhoSentIt) {
  const absl::Status go_away =
      CheckFrame({.type = 10, .argument = 1}, Side::kClient);
  EXPECT_TRUE(absl::IsInvalidArgument(go_away));
  EXPECT_THAT(std::string(go_away.message()),
              HasSubstr("\"go-away\" from a client"));
  EXPECT_THAT(std::string(CheckFrame({.type = 18}, Side::kServer).message()),
              HasSubstr("unknown type 18"));
  EXPECT_THAT(
      std::string(
          CheckFrame({.call_id = 1, .type = 7}, Side::kServer).message()),
      HasSubstr("\"credit\" has the argument 0"));
  EXPECT_THAT(
      std::string(
          CheckFrame({.type = 13, .descriptor_count = 1, .argument = 4096},
                     Side::kServer)
              .message()),
      HasSubstr("\"region\" has an argument below its limit"));
}

TEST_F(FrameRulesTest, TypesThatThisVersionDoesNotKnowAreRefused) {
  for (int type = 0; type < 256; ++type) {
    if ((type >= 1 && type <= 17) || type == 0x80) continue;
    EXPECT_EQ(fdrpc::IsSkipped(static_cast<uint8_t>(type)), type > 0x80)
        << type;
    for (const Side side : {Side::kClient, Side::kServer}) {
      EXPECT_FALSE(Valid({.type = static_cast<uint8_t>(type)}, side)) << type;
      EXPECT_FALSE(
          Valid({.call_id = 1, .type = static_cast<uint8_t>(type)}, side));
    }
  }
}

TEST_F(FrameRulesTest, FlagsThatATypeDoesNotHaveAreRefused) {
  ForEach([](const FrameRule& rule, FrameHeader header, Side side) {
    const uint8_t flags = rule.FlagsOf(side);
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
  ForEach([](const FrameRule&, FrameHeader header, Side side) {
    header.call_id = header.call_id == 0 ? 1 : 0;
    EXPECT_FALSE(Valid(header, side));
  });
}

TEST_F(FrameRulesTest, AnArgumentKeepsToItsRange) {
  ForEach([](const FrameRule& rule, FrameHeader header, Side side) {
    const auto [least, most] = rule.argument;
    for (const uint32_t argument : {0u, 1u, least, most, most - 1, most + 1,
                                    4096u, 4097u, 0x80000000u, 0xffffffffu}) {
      header.argument = argument;
      EXPECT_EQ(Valid(header, side), least <= argument && argument <= most)
          << argument;
    }
  });
}

TEST_F(FrameRulesTest, APayloadKeepsToTheLengthsOfItsType) {
  ForEach([](const FrameRule& rule, FrameHeader header, Side side) {
    const auto [least, most] = rule.payload_bytes;
    header.flags = rule.FlagsOf(side);
    for (const uint32_t bytes : {0u, 1u, least, most, most + 1, 0xffffffffu}) {
      header.payload_bytes = bytes;
      EXPECT_EQ(Valid(header, side), least <= bytes && bytes <= most) << bytes;
    }
    if (least == 0) return;
    header.payload_bytes = least - 1;
    EXPECT_FALSE(Valid(header, side));
  });
}

TEST_F(FrameRulesTest, AnOfferHasOneDescriptorOrNone) {
  for (const uint16_t count : {0, 1, 2, 253}) {
    EXPECT_EQ(Valid({.type = 0x80, .descriptor_count = count}, Side::kClient),
              count <= 1);
  }
}

TEST_F(FrameRulesTest, ARegionHasItsOneDescriptor) {
  FrameHeader header = Good(kFrameRules[12]);
  for (const uint16_t count : {0, 1, 2, 253}) {
    header.descriptor_count = count;
    EXPECT_EQ(Valid(header, Side::kServer), count == 1);
  }
}

TEST_F(FrameRulesTest, OtherDescriptorsComeWithAMessageOnly) {
  ForEach([](const FrameRule& rule, FrameHeader header, Side side) {
    if (rule.descriptors.most != 0) return;
    header.descriptor_count = 1;
    header.flags = static_cast<uint8_t>(header.flags & ~kFlagMessage);
    EXPECT_FALSE(Valid(header, side));
    if (!rule.Has(kFlagMessage)) return;
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
  ForEach([](const FrameRule& rule, FrameHeader header, Side side) {
    header.flags = 0;
    EXPECT_EQ(Valid(header, side), rule.needed_flags == 0);
  });
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

TEST_F(FrameRulesTest, TheLimitsOfEveryFrameAreThoseOfUnknownTypesToo) {
  for (const uint8_t type : {0, 4, 11, 17, 0x80, 0xff}) {
    FrameHeader header = {
        .payload_bytes = 1u << 20, .type = type, .descriptor_count = 253};
    EXPECT_TRUE(FitsLimits(header));
    header.descriptor_count = 254;
    EXPECT_FALSE(FitsLimits(header));
    header = {.payload_bytes = (1u << 20) + 1, .type = type};
    EXPECT_FALSE(FitsLimits(header));
    EXPECT_THAT(std::string(FrameTooLarge(header).message()),
                HasSubstr("1048577 bytes and 0 descriptors"));
  }
}

}  // namespace
}  // namespace fdrpc
