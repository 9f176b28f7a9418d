#include "connection/trace_text.h"

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

FrameHeader Header(FrameType type) {
  return {.type = static_cast<uint8_t>(type)};
}

TEST(TraceTextTest, SaysWhatAFrameHas) {
  FrameHeader open = Header(FrameType::kOpen);
  open.call_id = 3;
  open.argument = 7;
  open.payload_bytes = 120;
  open.descriptor_count = 1;
  open.flags = kFlagOneWay | kFlagHalfClose | kFlagMessage;
  EXPECT_EQ(DescribeFrame(open),
            "open of call 3, method 7, 120 bytes, 1 descriptor, one-way, "
            "half-close");

  FrameHeader status = Header(FrameType::kStatus);
  status.call_id = 3;
  status.argument = 5;
  status.descriptor_count = 2;
  // The same bits mean something else here.
  status.flags = kFlagTrailers | kFlagMetadata;
  EXPECT_EQ(DescribeFrame(status),
            "status of call 3, status 5 NOT_FOUND, 2 descriptors");

  FrameHeader message = Header(FrameType::kMessage);
  message.call_id = 4;
  message.flags = kFlagMore;
  EXPECT_EQ(DescribeFrame(message), "message of call 4, more follows");

  FrameHeader go_away = Header(FrameType::kGoAway);
  go_away.argument = 9;
  EXPECT_EQ(DescribeFrame(go_away), "go-away, last call 9");
}

TEST(TraceTextTest, SaysWhatIsKnownOfAnUnknownFrame) {
  FrameHeader unknown;
  unknown.type = 0xf1;
  unknown.payload_bytes = 5;
  unknown.flags = 0xff;
  EXPECT_EQ(DescribeFrame(unknown), "frame of type 241, 5 bytes");
}

}  // namespace
}  // namespace fdrpc
