#include "wire/hello.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/bytes.h"

namespace fdrpc {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;

std::string EncodedHello(const Hello& hello) {
  std::string bytes(kHelloBytes, '\xaa');
  EncodeHello(hello, bytes.data());
  return bytes;
}

absl::Status DecodeError(const Hello& hello) {
  return DecodeHello(EncodedHello(hello)).status();
}

constexpr Hello kDistinct = {.version = 0x0201,
                             .oldest_version = 0x0001,
                             .features = 0x0807060504030201,
                             .max_message_bytes = 0x14131211,
                             .max_descriptors = 0x24232221,
                             .max_calls = 0x34333231,
                             .initial_credit_bytes = 0x34434241,
                             .initial_credit_descriptors = 0x24535251};

TEST(HelloTest, HasTheDocumentedLayout) {
  EXPECT_EQ(EncodedHello(kDistinct),
            Bytes({'F',  'D',  'R',  'P',  0x01, 0x02, 0x01, 0x00, 0x01,
                   0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x11, 0x12,
                   0x13, 0x14, 0x21, 0x22, 0x23, 0x24, 0x31, 0x32, 0x33,
                   0x34, 0x41, 0x42, 0x43, 0x34, 0x51, 0x52, 0x53, 0x24}));
}

TEST(HelloTest, SaysByDefaultWhatEveryReceiverAccepts) {
  EXPECT_EQ(
      EncodedHello({}),
      Bytes({'F', 'D', 'R', 'P', 1, 0, 1,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0,
             1,   0,   16,  0,   0, 0, 16, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0}));
}

TEST(HelloTest, RoundTrips) {
  for (const Hello& hello : {Hello{}, kDistinct}) {
    const absl::StatusOr<Hello> decoded = DecodeHello(EncodedHello(hello));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, hello);
  }
}

TEST(HelloTest, IgnoresWhatALaterVersionAppends) {
  const absl::StatusOr<Hello> decoded =
      DecodeHello(EncodedHello(kDistinct) + "of a later version");
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, kDistinct);
}

TEST(HelloTest, IsRefusedWhenCutOffAtAnyByte) {
  const std::string bytes = EncodedHello(kDistinct);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const absl::Status status = DecodeHello(bytes.substr(0, size)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << size;
    EXPECT_THAT(status.message(), HasSubstr("too short")) << size;
  }
}

TEST(HelloTest, IsRefusedWithAnyBitOfTheMagicWrong) {
  for (int bit = 0; bit < 32; ++bit) {
    std::string bytes = EncodedHello({});
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    const absl::Status status = DecodeHello(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bit;
    EXPECT_THAT(status.message(), HasSubstr("does not speak fdrpc")) << bit;
  }
}

TEST(HelloTest, IsRefusedWithVersionsThatMakeNoSense) {
  for (const Hello& hello : {Hello{.version = 0, .oldest_version = 0},
                             Hello{.version = 1, .oldest_version = 0},
                             Hello{.version = 0, .oldest_version = 1},
                             Hello{.version = 1, .oldest_version = 2},
                             Hello{.version = 2, .oldest_version = 0xffff}}) {
    const absl::Status status = DecodeError(hello);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("versions are invalid"));
  }
}

TEST(HelloTest, IsRefusedWithLimitsBelowThoseGuaranteed) {
  for (const Hello& hello :
       {Hello{.max_message_bytes = kGuaranteedMessageBytes - 1},
        Hello{.max_descriptors = kGuaranteedDescriptors - 1},
        Hello{.max_calls = kGuaranteedCalls - 1},
        Hello{.initial_credit_bytes = kGuaranteedCreditBytes - 1},
        Hello{.initial_credit_descriptors = kGuaranteedCreditDescriptors - 1},
        Hello{.initial_credit_bytes = 0},
        Hello{.initial_credit_descriptors = 0},
        Hello{.max_message_bytes = 0}}) {
    const absl::Status status = DecodeError(hello);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("limits are below"));
  }
}

TEST(HelloTest, IsRefusedWithCreditThatMakesNoSense) {
  for (const Hello& hello :
       {Hello{.initial_credit_bytes = kMaxCredit + 1},
        Hello{.initial_credit_descriptors = kMaxCredit + 1},
        Hello{.initial_credit_bytes = 0xffffffff},
        Hello{.initial_credit_descriptors = 0xffffffff}}) {
    const absl::Status status = DecodeError(hello);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("credit is invalid"));
  }
}

TEST(HelloTest, AcceptsTheGuaranteedLimitsThemselvesAndTheLargest) {
  EXPECT_TRUE(DecodeError({}).ok());
  EXPECT_TRUE(DecodeError({.max_message_bytes = 0xffffffff,
                           .max_descriptors = 0xffffffff,
                           .max_calls = 0xffffffff,
                           .initial_credit_bytes = kMaxCredit,
                           .initial_credit_descriptors = kMaxCredit})
                  .ok());
}

TEST(HelloTest, GuaranteedLimitsDoNotShrink) {
  EXPECT_EQ(kGuaranteedMessageBytes, 65536u);
  EXPECT_EQ(kGuaranteedDescriptors, 16u);
  EXPECT_EQ(kGuaranteedCalls, 16u);
  EXPECT_EQ(kGuaranteedCreditBytes, 65536u);
  EXPECT_EQ(kGuaranteedCreditDescriptors, 16u);
  EXPECT_LE(kHelloBytes, kMaxHelloBytes);
}

TEST(CheckVersionsTest, AcceptsRangesThatOverlap) {
  const Hello one = {.version = 1, .oldest_version = 1};
  const Hello one_to_three = {.version = 3, .oldest_version = 1};
  const Hello three_to_four = {.version = 4, .oldest_version = 3};
  EXPECT_TRUE(CheckVersions(one, one).ok());
  EXPECT_TRUE(CheckVersions(one, one_to_three).ok());
  EXPECT_TRUE(CheckVersions(one_to_three, one).ok());
  EXPECT_TRUE(CheckVersions(one_to_three, three_to_four).ok());
  EXPECT_TRUE(CheckVersions(three_to_four, one_to_three).ok());
}

TEST(CheckVersionsTest, NamesBothRangesWhereNoneOverlaps) {
  const Hello ours = {.version = 2, .oldest_version = 1};
  const Hello theirs = {.version = 5, .oldest_version = 3};
  for (const absl::Status& status :
       {CheckVersions(ours, theirs), CheckVersions(theirs, ours)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(), HasSubstr("1 to 2"));
    EXPECT_THAT(status.message(), HasSubstr("3 to 5"));
  }
}

}  // namespace
}  // namespace fdrpc
