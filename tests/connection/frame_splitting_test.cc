// How messages that are large, or have many descriptors, are split into frames.

#include <string>
#include <string_view>

#include "connection/frame_builder.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "tests/connection/built_frames.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"
#include "wire/limits.h"
#include "wire/open_header.h"
#include "wire/status_header.h"

namespace fdrpc::testing {
namespace {

using google::protobuf::BytesValue;

struct Size {
  size_t bytes;
  size_t descriptors;
  size_t frames;
};

class FrameSplittingTest : public ::testing::TestWithParam<Size> {
 protected:
  ExpectSameDescriptors census_;
};

INSTANTIATE_TEST_SUITE_P(
    Sizes, FrameSplittingTest,
    ::testing::Values(
        Size{0, 0, 1}, Size{10, 1, 1}, Size{8192, 2, 1}, Size{8193, 2, 1},
        Size{kMaxPieceBytes - 1, 0, 1}, Size{kMaxPieceBytes, 3, 1},
        Size{kMaxPieceBytes + 1, 0, 2}, Size{2 * kMaxPieceBytes, 0, 2},
        Size{2 * kMaxPieceBytes + 1, 5, 3}, Size{0, 252, 1}, Size{0, 253, 2},
        Size{10, 253, 2}, Size{10, 504, 2}, Size{10, 505, 3},
        Size{kMaxPieceBytes + 1, 600, 3}, Size{3 * kMaxPieceBytes, 300, 3}),
    [](const auto& info) {
      return std::to_string(info.param.bytes) + "BytesAnd" +
             std::to_string(info.param.descriptors) + "Descriptors";
    });

// Puts pieces together.
struct Whole {
  std::string bytes;
  std::string contents;  // of the descriptors
};

void AddPiece(Whole& whole, std::string_view piece,
              const OutgoingFrame& frame) {
  EXPECT_LE(piece.size(), kMaxPieceBytes);
  whole.bytes += piece;
  for (const AttachedFd& fd : DescriptorsOf(frame)) {
    whole.contents += ReadRest(fd.get());
  }
}

std::string ExpectedContents(size_t descriptors) {
  std::string contents;
  for (size_t i = 0; i < descriptors; ++i) contents += std::to_string(i);
  return contents;
}

TEST_P(FrameSplittingTest, ARequestIsAnOpenFrameAndMessageFrames) {
  const BytesValue request = MessageOfSize(GetParam().bytes);
  const Metadata metadata = {{"key", "value"}};
  OutgoingFrames frames = BuildOpen(
      &request, NumberedFiles(GetParam().descriptors), true, metadata);
  CompleteOpen(frames, 9, 4, absl::Seconds(1));
  ASSERT_EQ(frames.size(), GetParam().frames);
  Whole whole;
  for (size_t i = 0; i < frames.size(); ++i) {
    const FrameHeader header = HeaderOf(frames[i]);
    const std::string payload = PayloadOf(frames[i]);
    const bool last = i + 1 == frames.size();
    EXPECT_EQ(header.call_id, 9u);
    EXPECT_EQ((header.flags & kFlagMore) != 0, !last);
    EXPECT_EQ((header.flags & kFlagHalfClose) != 0, last);
    EXPECT_NE(header.flags & kFlagMessage, 0);
    if (i == 0) {
      EXPECT_EQ(header.type, Type(FrameType::kOpen));
      EXPECT_EQ(header.argument, 4u);
      OpenHeader open;
      ASSERT_TRUE(DecodeOpenHeader(header.flags, payload, open).ok());
      EXPECT_EQ(open.timeout_ns, 1'000'000'000u);
      EXPECT_EQ(open.metadata, metadata);
      AddPiece(whole, open.message, frames[i]);
    } else {
      EXPECT_EQ(header.type, Type(FrameType::kMessage));
      EXPECT_EQ(header.argument, 0u);
      AddPiece(whole, payload, frames[i]);
    }
  }
  EXPECT_EQ(whole.bytes, request.SerializeAsString());
  EXPECT_EQ(whole.contents, ExpectedContents(GetParam().descriptors));
}

TEST_P(FrameSplittingTest, AMessageOfAStreamIsMessageFrames) {
  const BytesValue message = MessageOfSize(GetParam().bytes);
  for (const bool half_close : {false, true}) {
    const OutgoingFrames frames = BuildMessage(
        9, message, NumberedFiles(GetParam().descriptors), half_close);
    ASSERT_EQ(frames.size(), GetParam().frames);
    Whole whole;
    for (size_t i = 0; i < frames.size(); ++i) {
      const FrameHeader header = HeaderOf(frames[i]);
      const bool last = i + 1 == frames.size();
      EXPECT_EQ(header.call_id, 9u);
      EXPECT_EQ(header.type, Type(FrameType::kMessage));
      EXPECT_EQ(header.argument, 0u);
      EXPECT_EQ(header.flags,
                kFlagMessage |
                    (last ? (half_close ? kFlagHalfClose : 0) : kFlagMore));
      AddPiece(whole, PayloadOf(frames[i]), frames[i]);
    }
    EXPECT_EQ(whole.bytes, message.SerializeAsString());
    EXPECT_EQ(whole.contents, ExpectedContents(GetParam().descriptors));
  }
}

TEST_P(FrameSplittingTest, AReplyIsMessageFramesAndAStatusFrame) {
  const BytesValue reply = MessageOfSize(GetParam().bytes);
  const OutgoingMessage sent(reply);
  const Metadata headers = {{"h", "1"}}, trailers = {{"t", "2"}};
  const OutgoingFrames frames =
      BuildStatus(9, absl::OkStatus(), headers, trailers, &sent,
                  NumberedFiles(GetParam().descriptors));
  // Headers come first: in the status frame, if that is the only one.
  const bool alone = GetParam().frames == 1;
  ASSERT_EQ(frames.size(), GetParam().frames + (alone ? 0 : 1));
  Whole whole;
  for (size_t i = 0; i < frames.size(); ++i) {
    const FrameHeader header = HeaderOf(frames[i]);
    const std::string payload = PayloadOf(frames[i]);
    EXPECT_EQ(header.call_id, 9u);
    EXPECT_EQ(header.argument, 0u);
    if (i == 0 && !alone) {
      EXPECT_EQ(BytesOf(frames[i]), BytesOf(BuildHeaders(9, headers)));
    } else if (i + 1 < frames.size()) {
      EXPECT_EQ(header.type, Type(FrameType::kMessage));
      EXPECT_EQ(header.flags, kFlagMessage | kFlagMore);
      AddPiece(whole, payload, frames[i]);
    } else {
      EXPECT_EQ(header.type, Type(FrameType::kStatus));
      StatusHeader end;
      ASSERT_TRUE(
          DecodeStatusHeader(header.flags, header.argument, payload, end).ok());
      EXPECT_TRUE(end.status.ok());
      EXPECT_EQ(end.headers, alone ? headers : Metadata());
      EXPECT_EQ(end.trailers, trailers);
      AddPiece(whole, end.message, frames[i]);
    }
  }
  EXPECT_EQ(whole.bytes, reply.SerializeAsString());
  EXPECT_EQ(whole.contents, ExpectedContents(GetParam().descriptors));
}

TEST(FramePiecesTest, HaveABufferEach) {
  const BytesValue request = MessageOfSize(3 * kMaxPieceBytes);
  const OutgoingFrames frames = BuildOpen(&request, {}, false, {});
  ASSERT_EQ(frames.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(frames[i].attached->body_bytes, kMaxPieceBytes);
    EXPECT_EQ(frames[i].attached->body[0].owner.use_count(), 1)
        << "given back once it is sent";
  }
}

}  // namespace
}  // namespace fdrpc::testing
