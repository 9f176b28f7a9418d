#include "wire/frame_decoder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

using Result = FrameDecoder::Result;

constexpr size_t kInitialSpace = 16u << 10;

std::string FrameBytes(uint32_t call_id, std::string_view payload,
                       uint16_t descriptor_count = 0) {
  std::string bytes(kFrameHeaderBytes, '\0');
  EncodeFrameHeader({.payload_bytes = static_cast<uint32_t>(payload.size()),
                     .call_id = call_id,
                     .type = static_cast<uint8_t>(FrameType::kMessage),
                     .descriptor_count = descriptor_count},
                    bytes.data());
  return bytes.append(payload);
}

std::string HeaderBytes(const FrameHeader& header) {
  std::string bytes(kFrameHeaderBytes, '\0');
  EncodeFrameHeader(header, bytes.data());
  return bytes;
}

struct Taken {
  uint32_t call_id;
  std::string payload;
  uint64_t start;

  friend bool operator==(const Taken&, const Taken&) = default;
};

// Gives the decoder as much of `bytes` as it has room for.
size_t Feed(FrameDecoder& decoder, std::string_view bytes) {
  const absl::Span<char> space = decoder.Space();
  const size_t size = std::min(space.size(), bytes.size());
  std::copy_n(bytes.begin(), size, space.begin());
  decoder.Received(size);
  return size;
}

std::vector<Taken> TakeAll(FrameDecoder& decoder) {
  std::vector<Taken> taken;
  FrameDecoder::Frame frame;
  Result result;
  while ((result = decoder.Next(frame)) == Result::kFrame) {
    taken.push_back(
        {frame.header.call_id, std::string(frame.payload), frame.start});
  }
  EXPECT_EQ(result, Result::kIncomplete);
  return taken;
}

std::vector<Taken> FeedAndTakeAll(FrameDecoder& decoder,
                                  std::string_view bytes) {
  std::vector<Taken> taken;
  while (!bytes.empty()) {
    bytes.remove_prefix(Feed(decoder, bytes));
    for (Taken& frame : TakeAll(decoder)) taken.push_back(std::move(frame));
  }
  return taken;
}

TEST(FrameDecoderTest, HasNothingAtFirst) {
  FrameDecoder decoder;
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kIncomplete);
  EXPECT_EQ(decoder.end_offset(), 0u);
  EXPECT_EQ(decoder.next_offset(), 0u);
}

TEST(FrameDecoderTest, TakesManyFramesOfOneRead) {
  FrameDecoder decoder;
  std::string bytes;
  std::vector<Taken> expected;
  for (uint32_t i = 0; i < 100; ++i) {
    expected.push_back({i, std::string(i, 'x'), bytes.size()});
    bytes += FrameBytes(i, expected.back().payload);
  }
  ASSERT_EQ(Feed(decoder, bytes), bytes.size()) << "one read";
  EXPECT_EQ(TakeAll(decoder), expected);
  EXPECT_EQ(decoder.next_offset(), bytes.size());
  EXPECT_EQ(decoder.end_offset(), bytes.size());
}

TEST(FrameDecoderTest, TakesFramesThatAreSplitAnywhere) {
  const std::string bytes =
      FrameBytes(1, "first") + FrameBytes(2, "") + FrameBytes(3, "third");
  const std::vector<Taken> expected = {
      {1, "first", 0}, {2, "", 21}, {3, "third", 37}};
  for (size_t split = 0; split <= bytes.size(); ++split) {
    FrameDecoder decoder;
    std::vector<Taken> taken =
        FeedAndTakeAll(decoder, std::string_view(bytes).substr(0, split));
    EXPECT_EQ(decoder.end_offset(), split);
    EXPECT_LE(decoder.next_offset(), split);
    for (Taken& frame :
         FeedAndTakeAll(decoder, std::string_view(bytes).substr(split))) {
      taken.push_back(std::move(frame));
    }
    EXPECT_EQ(taken, expected) << "split at " << split;
  }
}

TEST(FrameDecoderTest, TakesFramesThatArriveByteByByte) {
  const std::string bytes = FrameBytes(1, "first") + FrameBytes(2, "second");
  FrameDecoder decoder;
  std::vector<Taken> taken;
  for (const char byte : bytes) {
    for (Taken& frame : FeedAndTakeAll(decoder, {&byte, 1})) {
      taken.push_back(std::move(frame));
    }
  }
  EXPECT_EQ(taken, (std::vector<Taken>{{1, "first", 0}, {2, "second", 21}}));
}

TEST(FrameDecoderTest, TakesTheLargestFrame) {
  const std::string payload(kMaxFramePayloadBytes, 'x');
  const std::string bytes = FrameBytes(1, "before") +
                            FrameBytes(2, payload, 253) +
                            FrameBytes(3, payload) + FrameBytes(4, "after");
  FrameDecoder decoder;
  const std::vector<Taken> taken = FeedAndTakeAll(decoder, bytes);
  ASSERT_EQ(taken.size(), 4u);
  EXPECT_EQ(taken[1], (Taken{2, payload, 22}));
  EXPECT_EQ(taken[2].payload, payload);
  EXPECT_EQ(taken[3].payload, "after");
}

TEST(FrameDecoderTest, RefusesAPayloadAboveTheLimitAtItsHeader) {
  for (const uint32_t size :
       {kMaxFramePayloadBytes + 1, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    FrameDecoder decoder;
    Feed(decoder, HeaderBytes({.payload_bytes = size, .call_id = 7}));
    FrameDecoder::Frame frame;
    EXPECT_EQ(decoder.Next(frame), Result::kTooLarge);
    EXPECT_EQ(frame.header.payload_bytes, size) << "for the error message";
    EXPECT_EQ(decoder.Next(frame), Result::kTooLarge) << "it stays so";
    EXPECT_LE(decoder.Space().size(), kInitialSpace) << "nothing is allocated";
  }
}

TEST(FrameDecoderTest, RefusesMoreDescriptorsThanOneSendTakes) {
  FrameDecoder decoder;
  Feed(decoder, HeaderBytes({.descriptor_count = 254}));
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kTooLarge);
}

TEST(FrameDecoderTest, GivesTheFramesBeforeOneThatIsTooLarge) {
  FrameDecoder decoder;
  Feed(decoder,
       FrameBytes(1, "good") + HeaderBytes({.payload_bytes = 0xffffffff}));
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kFrame);
  EXPECT_EQ(frame.payload, "good");
  EXPECT_EQ(decoder.Next(frame), Result::kTooLarge);
}

TEST(FrameDecoderTest, MemoryGrowsWithWhatArrivedNotWithWhatIsAnnounced) {
  const std::string bytes =
      FrameBytes(1, std::string(kMaxFramePayloadBytes, 'x'));
  FrameDecoder decoder;
  FrameDecoder::Frame frame;
  size_t fed = 0;
  while (fed < bytes.size()) {
    const size_t capacity = fed + decoder.Space().size();
    EXPECT_LE(capacity, std::max(kInitialSpace, 4 * fed + kInitialSpace));
    fed += Feed(decoder, std::string_view(bytes).substr(fed, 1000));
    EXPECT_EQ(decoder.Next(frame) == Result::kFrame, fed == bytes.size());
  }
  EXPECT_EQ(frame.payload.size(), kMaxFramePayloadBytes);
}

TEST(FrameDecoderTest, MemoryStaysSmallForAStreamOfSmallFrames) {
  FrameDecoder decoder;
  const std::string frame = FrameBytes(1, std::string(999, 'x'));
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += frame;
  size_t taken = 0;
  std::string_view left = bytes;
  while (!left.empty()) {
    EXPECT_LE(decoder.Space().size(), kInitialSpace);
    left.remove_prefix(Feed(decoder, left.substr(0, 777)));
    taken += TakeAll(decoder).size();
  }
  EXPECT_EQ(taken, 1000u);
}

TEST(FrameDecoderTest, HasAlwaysRoomForAPage) {
  const std::string bytes =
      FrameBytes(1, std::string(kMaxFramePayloadBytes, 'x'));
  for (const size_t piece : {1u, 4095u, 4096u, 5000u, 1u << 20}) {
    FrameDecoder decoder;
    FrameDecoder::Frame frame;
    for (std::string_view left = bytes; left.size() > 1;) {
      ASSERT_GE(decoder.Space().size(), 4096u) << left.size();
      // A byte at a time takes long: only at the end.
      const size_t size = piece == 1 && left.size() > 5000 ? 4000 : piece;
      left.remove_prefix(
          Feed(decoder, left.substr(0, std::min(size, left.size() - 1))));
      ASSERT_EQ(decoder.Next(frame), Result::kIncomplete);
    }
    EXPECT_GE(decoder.Space().size(), 4096u) << "one byte is missing";
  }
}

TEST(FrameDecoderTest, GivesMemoryBackOnlyWhenItHoldsNothing) {
  const std::string bytes =
      FrameBytes(1, std::string(kMaxFramePayloadBytes, 'x'));
  FrameDecoder decoder;
  FeedAndTakeAll(decoder, bytes);
  EXPECT_GT(decoder.Space().size(), kMaxFramePayloadBytes);
  const std::string next = FrameBytes(2, "next");
  Feed(decoder, std::string_view(next).substr(0, 3));
  decoder.ReleaseIfEmpty();
  EXPECT_GT(decoder.Space().size(), kMaxFramePayloadBytes / 2) << "kept";

  EXPECT_EQ(FeedAndTakeAll(decoder, std::string_view(next).substr(3)),
            (std::vector<Taken>{{2, "next", bytes.size()}}));
  decoder.ReleaseIfEmpty();
  EXPECT_LE(decoder.Space().size(), kInitialSpace) << "given back";
  EXPECT_EQ(decoder.next_offset(), bytes.size() + next.size())
      << "offsets go on";
  EXPECT_EQ(FeedAndTakeAll(decoder, FrameBytes(3, "x")),
            (std::vector<Taken>{{3, "x", bytes.size() + next.size()}}));
}

}  // namespace
}  // namespace fdrpc
