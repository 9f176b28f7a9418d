#include <string>

#include "fdrpc/tracing.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

constexpr char kValid[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContextTest, ParsesWhatItWrites) {
  const auto context = TraceContext::Parse(kValid);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id[0], 0x0a);
  EXPECT_EQ(context->trace_id[15], 0x9c);
  EXPECT_EQ(context->span_id[7], 0x31);
  EXPECT_EQ(context->flags, 1);
  EXPECT_EQ(context->ToTraceparent(), kValid);
}

TEST(TraceContextTest, TakesWhatItKnowsOfALaterVersion) {
  std::string later = kValid;
  later[1] = '1';
  EXPECT_EQ(TraceContext::Parse(later), TraceContext::Parse(kValid));
  EXPECT_EQ(TraceContext::Parse(later + "-more"), TraceContext::Parse(kValid));
  EXPECT_EQ(TraceContext::Parse(later + "more"), std::nullopt);
}

TEST(TraceContextTest, RefusesWhatIsNotValid) {
  const std::string valid = kValid;
  EXPECT_EQ(TraceContext::Parse(""), std::nullopt);
  EXPECT_EQ(TraceContext::Parse(valid + "-x"), std::nullopt);  // of version 00
  EXPECT_EQ(TraceContext::Parse("ff" + valid.substr(2)), std::nullopt);
  for (size_t length = 0; length < valid.size(); ++length) {
    EXPECT_EQ(TraceContext::Parse(valid.substr(0, length)), std::nullopt);
  }
  for (size_t i = 0; i < valid.size(); ++i) {
    for (const char wrong : {'g', 'A', ' ', '\0', '\xff'}) {
      std::string other = valid;
      other[i] = wrong;
      EXPECT_EQ(TraceContext::Parse(other), std::nullopt) << other;
    }
  }
  EXPECT_EQ(TraceContext::Parse(
                "00-00000000000000000000000000000000-b7ad6b7169203331-01"),
            std::nullopt);
  EXPECT_EQ(TraceContext::Parse(
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
            std::nullopt);
}

}  // namespace
}  // namespace fdrpc
