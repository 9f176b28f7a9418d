#include "wire/frame_header.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/bytes.h"

namespace fdrpc {
namespace {

using testing::Bytes;

std::string EncodedHeader(const FrameHeader& header) {
  std::string bytes(kFrameHeaderBytes, '\xaa');
  EncodeFrameHeader(header, bytes.data());
  return bytes;
}

TEST(FrameHeaderTest, HasTheDocumentedLayout) {
  EXPECT_EQ(EncodedHeader({.payload_bytes = 0x04030201,
                           .call_id = 0x08070605,
                           .type = 0x09,
                           .flags = 0x0a,
                           .descriptor_count = 0x0c0b,
                           .argument = 0x100f0e0d}),
            Bytes({0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
                   0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10}));
}

TEST(FrameHeaderTest, IsAllZeroByDefault) {
  EXPECT_EQ(EncodedHeader({}), std::string(16, '\0'));
}

TEST(FrameHeaderTest, RoundTrips) {
  const FrameHeader header = {.payload_bytes = 1u << 20,
                              .call_id = 0xfffffffe,
                              .type = 0x80,
                              .flags = 0x3f,
                              .descriptor_count = 253,
                              .argument = 16};
  EXPECT_EQ(DecodeFrameHeader(EncodedHeader(header).data()), header);
}

TEST(FrameHeaderTest, AnyBytesAreAHeader) {
  const std::string bytes(kFrameHeaderBytes, '\xff');
  const FrameHeader header = DecodeFrameHeader(bytes.data());
  EXPECT_EQ(header, (FrameHeader{.payload_bytes = 0xffffffff,
                                 .call_id = 0xffffffff,
                                 .type = 0xff,
                                 .flags = 0xff,
                                 .descriptor_count = 0xffff,
                                 .argument = 0xffffffff}));
  EXPECT_EQ(EncodedHeader(header), bytes);
}

TEST(FrameHeaderTest, FieldsThatAreFilledInLaterStandAtTheirOffsets) {
  const std::string bytes =
      EncodedHeader({.call_id = 0x11111111, .argument = 0x22222222});
  EXPECT_EQ(bytes.substr(kCallIdOffset, 4), "\x11\x11\x11\x11");
  EXPECT_EQ(bytes.substr(kArgumentOffset, 4), "\x22\x22\x22\x22");
}

TEST(FrameHeaderTest, TypesKeepTheirNumbers) {
  EXPECT_EQ(static_cast<int>(FrameType::kHello), 1);
  EXPECT_EQ(static_cast<int>(FrameType::kOpen), 2);
  EXPECT_EQ(static_cast<int>(FrameType::kHeaders), 3);
  EXPECT_EQ(static_cast<int>(FrameType::kMessage), 4);
  EXPECT_EQ(static_cast<int>(FrameType::kStatus), 5);
  EXPECT_EQ(static_cast<int>(FrameType::kCancel), 6);
  EXPECT_EQ(static_cast<int>(FrameType::kCredit), 7);
  EXPECT_EQ(static_cast<int>(FrameType::kPing), 8);
  EXPECT_EQ(static_cast<int>(FrameType::kPong), 9);
  EXPECT_EQ(static_cast<int>(FrameType::kGoAway), 10);
  EXPECT_EQ(static_cast<int>(FrameType::kMethod), 11);
  EXPECT_EQ(kFirstSkippableType, 0x80);
}

TEST(FrameHeaderTest, FlagsKeepTheirBits) {
  EXPECT_EQ(kFlagTimeout, 0x01);
  EXPECT_EQ(kFlagDetails, 0x01);
  EXPECT_EQ(kFlagTrailers, 0x02);
  EXPECT_EQ(kFlagMetadata, 0x04);
  EXPECT_EQ(kFlagMessage, 0x08);
  EXPECT_EQ(kFlagMore, 0x10);
  EXPECT_EQ(kFlagHalfClose, 0x20);
}

}  // namespace
}  // namespace fdrpc
