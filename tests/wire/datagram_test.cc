#include "wire/datagram.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/bytes.h"
#include "wire/limits.h"
#include "wire/little_endian.h"

namespace fdrpc {
namespace {

using testing::Bytes;
using ::testing::HasSubstr;

constexpr DatagramTag kTag = {.key = 0x0807060504030201,
                              .call = 0x1817161514131211};
constexpr uint8_t kWhole = kFlagMessage | kFlagHalfClose;

std::string Frame(const FrameHeader& header, std::string_view payload) {
  std::string bytes(kFrameHeaderBytes, '\0');
  FrameHeader full = header;
  full.payload_bytes = static_cast<uint32_t>(payload.size());
  EncodeFrameHeader(full, bytes.data());
  return bytes.append(payload);
}

FrameHeader Open(uint8_t flags = kWhole) {
  return {.call_id = kDatagramCallId,
          .type = static_cast<uint8_t>(FrameType::kOpen),
          .flags = flags,
          .argument = kDatagramMethodId};
}
FrameHeader Status() {
  return {.call_id = kDatagramCallId,
          .type = static_cast<uint8_t>(FrameType::kStatus)};
}

// A valid call.
std::string Call(std::string_view method = "a.B/C",
                 const FrameHeader& open = Open(),
                 std::string_view payload = "message") {
  std::string bytes;
  AppendDatagramCall(kTag, method, bytes);
  return bytes + Frame(open, payload);
}

std::string MistakeIn(const std::string& bytes) {
  DatagramCall call;
  return std::string(DecodeDatagramCall(bytes, call).message());
}

TEST(DatagramTest, ACallHasTheDocumentedLayout) {
  std::string bytes;
  AppendDatagramCall(kTag, "a/b", bytes);
  EXPECT_EQ(bytes, Bytes({'F',  'D',  'R',  'C',  1,    0,    3,   0,    1,
                          2,    3,    4,    5,    6,    7,    8,   0x11, 0x12,
                          0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 'a', '/',  'b'}));
}

TEST(DatagramTest, AnAnswerHasTheDocumentedLayout) {
  std::string bytes;
  AppendDatagramAnswer(kTag, bytes);
  EXPECT_EQ(bytes, Bytes({'F',  'D',  'R',  'A',  1,    0,    0,    0,
                          1,    2,    3,    4,    5,    6,    7,    8,
                          0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18}));
  EXPECT_EQ(bytes.size(), kDatagramHeaderBytes);
}

TEST(DatagramTest, ACallIsDecoded) {
  const std::string bytes = Call();
  DatagramCall call;
  ASSERT_TRUE(DecodeDatagramCall(bytes, call).ok());
  EXPECT_EQ(call.tag, kTag);
  EXPECT_EQ(call.method, "a.B/C");
  EXPECT_EQ(call.payload, "message");
  EXPECT_EQ(call.open.flags, kWhole);
}

TEST(DatagramTest, ACallThatIsCutOffAnywhereIsRefused) {
  const std::string bytes = Call();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(MistakeIn(bytes.substr(0, size)), "") << size;
  }
  EXPECT_NE(MistakeIn(bytes + "x"), "");
}

TEST(DatagramTest, EachMistakeOfACallIsNamed) {
  std::string bytes = Call();
  bytes[3] = 'D';
  EXPECT_THAT(MistakeIn(bytes), HasSubstr("header"));
  bytes = Call();
  bytes[4] = 2;
  EXPECT_THAT(MistakeIn(bytes), HasSubstr("version"));
  EXPECT_THAT(MistakeIn(Call("")), HasSubstr("name"));
  EXPECT_EQ(MistakeIn(Call(std::string(kMaxMethodNameBytes, 'm'))), "");
  EXPECT_THAT(MistakeIn(Call(std::string(kMaxMethodNameBytes + 1, 'm'))),
              HasSubstr("name"));
  EXPECT_THAT(MistakeIn(Call("m", Open(kFlagMessage))), HasSubstr("whole"));
  EXPECT_THAT(MistakeIn(Call("m", Open(kWhole | kFlagMore))),
              HasSubstr("whole"));
  EXPECT_THAT(MistakeIn(Call("m", Open(kFlagHalfClose), "")),
              HasSubstr("whole"));
  EXPECT_NE(MistakeIn(Call("m", Open(kWhole | kFlagSealed))), "");
  FrameHeader other = Open();
  other.call_id = 2;
  EXPECT_THAT(MistakeIn(Call("m", other)), HasSubstr("call id"));
  other = Open();
  other.argument = 2;
  EXPECT_THAT(MistakeIn(Call("m", other)), HasSubstr("method"));
  other = Open();
  other.type = 0x80;
  EXPECT_THAT(MistakeIn(Call("m", other)), HasSubstr("unknown"));
  other = Open();
  other.descriptor_count = kMaxFrameDescriptors + 1;
  EXPECT_NE(MistakeIn(Call("m", other)), "");
  EXPECT_NE(MistakeIn(Call("m", Status())), "") << "only a server sends it";
  FrameHeader cancel = {.call_id = 1,
                        .type = static_cast<uint8_t>(FrameType::kCancel)};
  EXPECT_NE(MistakeIn(Call("m", cancel, "")), "");
}

TEST(DatagramTest, AnAnswerIsDecodedFrameByFrame) {
  std::string bytes;
  AppendDatagramAnswer(kTag, bytes);
  bytes += Frame({.call_id = 1,
                  .type = static_cast<uint8_t>(FrameType::kHeaders),
                  .flags = kFlagMetadata},
                 "headers");
  bytes += Frame(Status(), "");
  DatagramTag tag;
  std::string_view frames;
  ASSERT_TRUE(DecodeDatagramAnswer(bytes, tag, frames).ok());
  EXPECT_EQ(tag, kTag);
  FrameHeader header;
  std::string_view payload;
  ASSERT_TRUE(TakeDatagramFrame(frames, Side::kServer, header, payload).ok());
  EXPECT_EQ(payload, "headers");
  ASSERT_TRUE(TakeDatagramFrame(frames, Side::kServer, header, payload).ok());
  EXPECT_EQ(header.type, static_cast<uint8_t>(FrameType::kStatus));
  EXPECT_TRUE(frames.empty());
  EXPECT_FALSE(TakeDatagramFrame(frames, Side::kServer, header, payload).ok());
}

TEST(DatagramTest, AnAnswerIsNotACall) {
  std::string bytes;
  AppendDatagramAnswer(kTag, bytes);
  EXPECT_NE(MistakeIn(bytes + Frame(Status(), "")), "");
  DatagramTag tag;
  std::string_view frames;
  EXPECT_FALSE(DecodeDatagramAnswer(Call(), tag, frames).ok());
  bytes[6] = 1;
  EXPECT_FALSE(DecodeDatagramAnswer(bytes, tag, frames).ok());
}

// Whatever the bytes, the views stay within them.
TEST(DatagramTest, RandomChangesAreDecodedOrRefused) {
  std::mt19937 random(1);
  const std::string valid = Call();
  size_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = valid;
    for (size_t n = random() % 4; n > 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % 8 == 0 ? random() % bytes.size() : bytes.size());
    DatagramCall call;
    if (!DecodeDatagramCall(bytes, call).ok()) {
      ++refused;
      continue;
    }
    EXPECT_GE(call.method.data(), bytes.data());
    EXPECT_LE(call.payload.data() + call.payload.size(),
              bytes.data() + bytes.size());
    EXPECT_EQ(call.open.payload_bytes, call.payload.size());
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_LT(refused, 99'000u);
}

}  // namespace
}  // namespace fdrpc
