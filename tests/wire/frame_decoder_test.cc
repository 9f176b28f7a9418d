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
constexpr size_t kOwn = FrameDecoder::kOwnBufferBytes;

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

PayloadBuffer AllocateLeast(size_t least, size_t) {
  return PayloadBuffer::Allocate(least);
}
// As if there were always unused memory.
PayloadBuffer AllocateMost(size_t, size_t most) {
  return PayloadBuffer::Allocate(most);
}

struct TestDecoder : FrameDecoder {
  explicit TestDecoder(Allocate allocate = AllocateLeast)
      : FrameDecoder(allocate) {}
};

// Gives the decoder as much of `bytes` as it has room for.
size_t Feed(FrameDecoder& decoder, std::string_view bytes) {
  const FrameDecoder::Space space = decoder.NextSpace();
  const size_t size = std::min(space.size(), bytes.size());
  const size_t first = std::min(space.first.size(), size);
  std::copy_n(bytes.begin(), first, space.first.begin());
  std::copy_n(bytes.begin() + first, size - first, space.second.begin());
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
  TestDecoder decoder;
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kIncomplete);
  EXPECT_EQ(decoder.end_offset(), 0u);
  EXPECT_EQ(decoder.next_offset(), 0u);
}

TEST(FrameDecoderTest, TakesManyFramesOfOneRead) {
  TestDecoder decoder;
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
    TestDecoder decoder;
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
  TestDecoder decoder;
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
  TestDecoder decoder;
  const std::vector<Taken> taken = FeedAndTakeAll(decoder, bytes);
  ASSERT_EQ(taken.size(), 4u);
  EXPECT_EQ(taken[1], (Taken{2, payload, 22}));
  EXPECT_EQ(taken[2].payload, payload);
  EXPECT_EQ(taken[3].payload, "after");
}

TEST(FrameDecoderTest, RefusesAPayloadAboveTheLimitAtItsHeader) {
  for (const uint32_t size :
       {kMaxFramePayloadBytes + 1, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    TestDecoder decoder;
    Feed(decoder, HeaderBytes({.payload_bytes = size, .call_id = 7}));
    FrameDecoder::Frame frame;
    EXPECT_EQ(decoder.Next(frame), Result::kTooLarge);
    EXPECT_EQ(frame.header.payload_bytes, size) << "for the error message";
    EXPECT_EQ(decoder.Next(frame), Result::kTooLarge) << "it stays so";
    EXPECT_LE(decoder.NextSpace().size(), kInitialSpace)
        << "nothing is allocated";
  }
}

TEST(FrameDecoderTest, RefusesMoreDescriptorsThanOneSendTakes) {
  TestDecoder decoder;
  Feed(decoder, HeaderBytes({.descriptor_count = 254}));
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kTooLarge);
}

TEST(FrameDecoderTest, GivesTheFramesBeforeOneThatIsTooLarge) {
  TestDecoder decoder;
  Feed(decoder,
       FrameBytes(1, "good") + HeaderBytes({.payload_bytes = 0xffffffff}));
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kFrame);
  EXPECT_EQ(frame.payload, "good");
  EXPECT_EQ(decoder.Next(frame), Result::kTooLarge);
}

TEST(FrameDecoderTest, MemoryGrowsWithWhatArrivedNotWithWhatIsAnnounced) {
  for (const size_t size :
       {size_t{32} << 10, size_t{100'000}, size_t{kMaxFramePayloadBytes}}) {
    const std::string bytes = FrameBytes(1, std::string(size, 'x'));
    for (const size_t piece : {1000u, 16384u, 100'000u}) {
      TestDecoder decoder;
      FrameDecoder::Frame frame;
      size_t fed = 0;
      while (fed < bytes.size()) {
        const size_t capacity = fed + decoder.NextSpace().size();
        EXPECT_LE(capacity, 4 * fed + 2 * kInitialSpace) << fed;
        fed += Feed(decoder, std::string_view(bytes).substr(fed, piece));
        EXPECT_EQ(decoder.Next(frame) == Result::kFrame, fed == bytes.size());
      }
      EXPECT_EQ(frame.payload, std::string(size, 'x'));
      EXPECT_EQ(frame.buffer.capacity(), size);
    }
  }
}

TEST(FrameDecoderTest, MemoryThatIsThereAlreadyIsUsedAtOnce) {
  TestDecoder decoder(AllocateMost);
  const std::string payload(kMaxFramePayloadBytes, 'x');
  Feed(decoder, FrameBytes(1, payload).substr(0, 1000));
  FrameDecoder::Frame frame;
  EXPECT_EQ(decoder.Next(frame), Result::kIncomplete);
  EXPECT_EQ(decoder.NextSpace().first.size(),
            kFrameHeaderBytes + payload.size() - 1000);
}

TEST(FrameDecoderTest, ALargePayloadGoesWithItsFrame) {
  for (const size_t size : {kOwn - 1, kOwn, kOwn + 1}) {
    TestDecoder decoder;
    const std::string payload(size, 'x');
    const std::string bytes = FrameBytes(1, payload);
    FrameDecoder::Frame frame;
    for (std::string_view left = bytes; !left.empty();) {
      left.remove_prefix(Feed(decoder, left));
      EXPECT_EQ(decoder.Next(frame) == Result::kFrame, left.empty());
    }
    EXPECT_EQ(frame.buffer.empty(), size < kOwn);
    if (frame.buffer.empty()) continue;
    FeedAndTakeAll(decoder, FrameBytes(2, std::string(100'000, 'y')));
    EXPECT_EQ(frame.payload, payload) << "its own";
  }
}

TEST(FrameDecoderTest, TakesWhatFollowsALargePayloadWithItsEnd) {
  const std::string payload(kOwn, 'x');
  std::string bytes = FrameBytes(1, payload);
  std::vector<Taken> expected = {{1, payload, 0}};
  for (uint32_t i = 2; i < 50; ++i) {
    expected.push_back({i, std::string(i, 'y'), bytes.size()});
    bytes += FrameBytes(i, expected.back().payload);
  }
  expected.push_back({50, payload, bytes.size()});
  bytes += FrameBytes(50, payload);
  // Wherever the first receive ends, even in the second payload.
  for (size_t first : {15u, 16u, 17u, 5000u, 16384u}) {
    TestDecoder decoder;
    std::string_view left = bytes;
    std::vector<Taken> taken = FeedAndTakeAll(decoder, left.substr(0, first));
    left.remove_prefix(first);
    for (Taken& frame : FeedAndTakeAll(decoder, left)) {
      taken.push_back(std::move(frame));
    }
    EXPECT_EQ(taken, expected) << first;
    EXPECT_EQ(decoder.end_offset(), bytes.size());
    EXPECT_EQ(decoder.next_offset(), bytes.size());
  }
  TestDecoder decoder;
  size_t receives = 0;
  for (std::string_view left = bytes; !left.empty(); ++receives) {
    left.remove_prefix(Feed(decoder, left));
    TakeAll(decoder);
  }
  EXPECT_LE(receives, 4u) << "what is small costs none of its own";
}

TEST(FrameDecoderTest, MemoryStaysSmallForAStreamOfSmallFrames) {
  TestDecoder decoder;
  const std::string frame = FrameBytes(1, std::string(999, 'x'));
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += frame;
  size_t taken = 0;
  std::string_view left = bytes;
  while (!left.empty()) {
    EXPECT_LE(decoder.NextSpace().size(), kInitialSpace);
    left.remove_prefix(Feed(decoder, left.substr(0, 777)));
    taken += TakeAll(decoder).size();
  }
  EXPECT_EQ(taken, 1000u);
}

TEST(FrameDecoderTest, HasAlwaysRoomForAPage) {
  const std::string bytes =
      FrameBytes(1, std::string(kMaxFramePayloadBytes, 'x'));
  for (const size_t piece : {1u, 4095u, 4096u, 5000u, 1u << 20}) {
    TestDecoder decoder;
    FrameDecoder::Frame frame;
    for (std::string_view left = bytes; left.size() > 1;) {
      ASSERT_GE(decoder.NextSpace().size(), 4096u) << left.size();
      // One byte at a time takes long, so only at the end.
      const size_t size = piece == 1 && left.size() > 5000 ? 4000 : piece;
      left.remove_prefix(
          Feed(decoder, left.substr(0, std::min(size, left.size() - 1))));
      ASSERT_EQ(decoder.Next(frame), Result::kIncomplete);
    }
    EXPECT_GE(decoder.NextSpace().size(), 4096u) << "one byte is missing";
  }
}

TEST(FrameDecoderTest, GivesMemoryBackOnlyWhenItHoldsNothing) {
  const std::string bytes = FrameBytes(1, std::string(kOwn - 1, 'x'));
  TestDecoder decoder;
  FeedAndTakeAll(decoder, bytes);
  EXPECT_GT(decoder.NextSpace().size(), kOwn);
  const std::string next = FrameBytes(2, "next");
  Feed(decoder, std::string_view(next).substr(0, 3));
  decoder.ReleaseIfEmpty();
  EXPECT_GT(decoder.NextSpace().size(), kOwn / 2) << "kept";

  EXPECT_EQ(FeedAndTakeAll(decoder, std::string_view(next).substr(3)),
            (std::vector<Taken>{{2, "next", bytes.size()}}));
  decoder.ReleaseIfEmpty();
  EXPECT_LE(decoder.NextSpace().size(), kInitialSpace) << "given back";
  EXPECT_EQ(decoder.next_offset(), bytes.size() + next.size())
      << "offsets go on";
  EXPECT_EQ(FeedAndTakeAll(decoder, FrameBytes(3, "x")),
            (std::vector<Taken>{{3, "x", bytes.size() + next.size()}}));
}

}  // namespace
}  // namespace fdrpc
