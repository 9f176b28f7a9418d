#include "connection/frame_builder.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "tests/support/bytes.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"
#include "wire/limits.h"
#include "wire/open_header.h"
#include "wire/status_header.h"

namespace fdrpc::testing {
namespace {

using google::protobuf::BytesValue;
using ::testing::HasSubstr;

// A message that serialises to exactly `size` bytes, of varied content.
BytesValue MessageOfSize(size_t size) {
  BytesValue message;
  for (size_t overhead : {2u, 3u, 4u, 5u}) {
    if (size < overhead) continue;
    std::string content(size - overhead, '\0');
    for (size_t i = 0; i < content.size(); ++i) {
      content[i] = static_cast<char>(i * 7 + i / 1000);
    }
    message.set_value(content);
    if (message.ByteSizeLong() == size) return message;
  }
  EXPECT_EQ(size, 0u);
  message.clear_value();
  return message;
}

std::string BytesOf(const OutgoingFrame& frame) {
  std::string bytes = frame.head;
  if (frame.body_bytes > 0) {
    bytes.append(frame.body.get() + frame.body_offset, frame.body_bytes);
  }
  EXPECT_EQ(bytes.size(), frame.bytes());
  return bytes;
}

FrameHeader HeaderOf(const OutgoingFrame& frame) {
  return DecodeFrameHeader(frame.head.data());
}

// Checks what holds of every frame, and gives its payload.
std::string PayloadOf(const OutgoingFrame& frame) {
  const std::string bytes = BytesOf(frame);
  const FrameHeader header = HeaderOf(frame);
  EXPECT_EQ(header.payload_bytes, bytes.size() - kFrameHeaderBytes);
  EXPECT_LE(header.payload_bytes, kMaxFramePayloadBytes);
  EXPECT_EQ(header.descriptor_count, frame.descriptors.size());
  EXPECT_LE(header.descriptor_count, kMaxFrameDescriptors);
  EXPECT_EQ(header.call_id, frame.call_id);
  return bytes.substr(kFrameHeaderBytes);
}

uint8_t Type(FrameType type) { return static_cast<uint8_t>(type); }

class FrameBuilderTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
};

TEST_F(FrameBuilderTest, AnOpenFrameHasTheDocumentedBytes) {
  BytesValue request;
  request.set_value("abc");
  OutgoingFrames frames = BuildOpen(request, {}, false, {});
  CompleteOpen(frames, 0x04030201, 7, absl::InfiniteDuration());
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].call_id, 0x04030201u);
  EXPECT_EQ(BytesOf(frames[0]), Bytes({5,  0,    0,   0,   1,  2, 3, 4,  //
                                       2,  0x28, 0,   0,   7,  0, 0, 0,  //
                                       10, 3,    'a', 'b', 'c'}));
}

TEST_F(FrameBuilderTest, AnOpenFrameWithEverythingHasTheDocumentedBytes) {
  BytesValue request;
  request.set_value("abc");
  OutgoingFrames frames =
      BuildOpen(request, NumberedFiles(2), true, {{"k", "v"}});
  CompleteOpen(frames, 1, 7, absl::Nanoseconds(0x0102));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(BytesOf(frames[0]),
            Bytes({24, 0,    0,   0,   1,  0, 0, 0,               //
                   2,  0x2d, 2,   0,   7,  0, 0, 0,               //
                   2,  1,    0,   0,   0,  0, 0, 0,               //
                   7,  0,    0,   0,   1,  1, 0, 0, 0, 'k', 'v',  //
                   10, 3,    'a', 'b', 'c'}));
  EXPECT_EQ(frames[0].descriptors.size(), 2u);
}

TEST_F(FrameBuilderTest, TheTimeoutIsAtLeastANanosecondAndAtMostRepresentable) {
  struct Case {
    absl::Duration timeout;
    uint64_t ns;
  };
  for (const Case& c :
       {Case{absl::Nanoseconds(1), 1}, Case{absl::ZeroDuration(), 1},
        Case{-absl::Seconds(1), 1}, Case{absl::Seconds(2), 2'000'000'000},
        Case{absl::InfiniteDuration(), std::numeric_limits<int64_t>::max()}}) {
    OutgoingFrames frames = BuildOpen(BytesValue(), {}, true, {});
    CompleteOpen(frames, 1, 1, c.timeout);
    OpenHeader header;
    ASSERT_TRUE(DecodeOpenHeader(HeaderOf(frames[0]).flags,
                                 PayloadOf(frames[0]), header)
                    .ok());
    EXPECT_EQ(header.timeout_ns, c.ns);
  }
}

TEST_F(FrameBuilderTest, AnEmptyRequestIsOneFrame) {
  OutgoingFrames frames = BuildOpen(BytesValue(), {}, false, {});
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(PayloadOf(frames[0]), "");
  EXPECT_EQ(HeaderOf(frames[0]).flags, kFlagMessage | kFlagHalfClose);
}

struct Size {
  size_t bytes;
  size_t descriptors;
  size_t frames;
};

class FrameSplittingTest : public FrameBuilderTest,
                           public ::testing::WithParamInterface<Size> {};

INSTANTIATE_TEST_SUITE_P(
    Sizes, FrameSplittingTest,
    ::testing::Values(
        Size{0, 0, 1}, Size{10, 1, 1}, Size{8192, 2, 1}, Size{8193, 2, 1},
        Size{kMaxPieceBytes - 1, 0, 1}, Size{kMaxPieceBytes, 3, 1},
        Size{kMaxPieceBytes + 1, 0, 2}, Size{2 * kMaxPieceBytes, 0, 2},
        Size{2 * kMaxPieceBytes + 1, 5, 3}, Size{0, 253, 1}, Size{0, 254, 2},
        Size{10, 254, 2}, Size{10, 506, 2}, Size{10, 507, 3},
        Size{kMaxPieceBytes + 1, 600, 3}, Size{3 * kMaxPieceBytes, 300, 3}),
    [](const auto& info) {
      return std::to_string(info.param.bytes) + "BytesAnd" +
             std::to_string(info.param.descriptors) + "Descriptors";
    });

// Puts pieces together again.
struct Whole {
  std::string bytes;
  std::string contents;  // of the descriptors
};

void AddPiece(Whole& whole, std::string_view piece,
              const OutgoingFrame& frame) {
  EXPECT_LE(piece.size(), kMaxPieceBytes);
  whole.bytes += piece;
  for (const OutgoingFd& fd : frame.descriptors) {
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
  OutgoingFrames frames =
      BuildOpen(request, NumberedFiles(GetParam().descriptors), true, metadata);
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

TEST_P(FrameSplittingTest, AReplyIsMessageFramesAndAStatusFrame) {
  const BytesValue reply = MessageOfSize(GetParam().bytes);
  const Metadata headers = {{"h", "1"}}, trailers = {{"t", "2"}};
  const OutgoingFrames frames =
      BuildStatus(9, absl::OkStatus(), headers, trailers, &reply,
                  NumberedFiles(GetParam().descriptors));
  ASSERT_EQ(frames.size(), GetParam().frames);
  Whole whole;
  for (size_t i = 0; i < frames.size(); ++i) {
    const FrameHeader header = HeaderOf(frames[i]);
    const std::string payload = PayloadOf(frames[i]);
    EXPECT_EQ(header.call_id, 9u);
    EXPECT_EQ(header.argument, 0u);
    if (i + 1 < frames.size()) {
      EXPECT_EQ(header.type, Type(FrameType::kMessage));
      EXPECT_EQ(header.flags, kFlagMessage | kFlagMore);
      AddPiece(whole, payload, frames[i]);
    } else {
      EXPECT_EQ(header.type, Type(FrameType::kStatus));
      StatusHeader end;
      ASSERT_TRUE(
          DecodeStatusHeader(header.flags, header.argument, payload, end).ok());
      EXPECT_TRUE(end.status.ok());
      EXPECT_EQ(end.headers, headers);
      EXPECT_EQ(end.trailers, trailers);
      AddPiece(whole, end.message, frames[i]);
    }
  }
  EXPECT_EQ(whole.bytes, reply.SerializeAsString());
  EXPECT_EQ(whole.contents, ExpectedContents(GetParam().descriptors));
}

TEST_F(FrameBuilderTest, PiecesShareOneBuffer) {
  const OutgoingFrames frames =
      BuildOpen(MessageOfSize(3 * kMaxPieceBytes), {}, false, {});
  ASSERT_EQ(frames.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(frames[i].body, frames[0].body);
    EXPECT_EQ(frames[i].body_offset, i * kMaxPieceBytes);
  }
}

TEST_F(FrameBuilderTest, AReplyHasTheDocumentedBytes) {
  BytesValue reply;
  reply.set_value("abc");
  const OutgoingFrames frames =
      BuildStatus(3, absl::OkStatus(), {}, {}, &reply, NumberedFiles(1));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(BytesOf(frames[0]), Bytes({5,  0,    0,   0,   3,  0, 0, 0,  //
                                       5,  0x08, 1,   0,   0,  0, 0, 0,  //
                                       10, 3,    'a', 'b', 'c'}));
}

TEST_F(FrameBuilderTest, AFailureHasTheDocumentedBytes) {
  const OutgoingFrames frames =
      BuildStatus(3, absl::NotFoundError("no"), {}, {}, nullptr, {});
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].call_id, 3u);
  EXPECT_EQ(BytesOf(frames[0]), Bytes({10, 0,    0, 0, 3, 0, 0, 0,  //
                                       5,  0x01, 0, 0, 5, 0, 0, 0,  //
                                       6,  0,    0, 0, 2, 0, 0, 0, 'n', 'o'}));
}

TEST_F(FrameBuilderTest, AStatusWithAllThatIsAllowedFitsIntoOneFrame) {
  absl::Status status = absl::InternalError(std::string(1 << 20, 'm'));
  for (int i = 0; i < 100; ++i) {
    status.SetPayload("type/" + std::to_string(i),
                      absl::Cord(std::string(10'000, 'p')));
  }
  const Metadata most = {{"key", std::string(kMaxMetadataBytes - 8, 'v')}};
  const BytesValue reply = MessageOfSize(kMaxPieceBytes);
  const OutgoingFrames frames =
      BuildStatus(3, status, most, most, &reply, NumberedFiles(253));
  ASSERT_EQ(frames.size(), 1u);
  StatusHeader end;
  const std::string payload = PayloadOf(frames[0]);
  ASSERT_TRUE(
      DecodeStatusHeader(HeaderOf(frames[0]).flags, 13, payload, end).ok());
  EXPECT_EQ(end.headers, most);
  EXPECT_EQ(end.trailers, most);
  EXPECT_EQ(end.message, reply.SerializeAsString());
}

TEST_F(FrameBuilderTest, ConnectionFramesHaveTheDocumentedBytes) {
  EXPECT_EQ(BytesOf(BuildMethod(3, "p.S/M")),
            Bytes({5,  0, 0, 0, 0, 0, 0, 0,  //
                   11, 0, 0, 0, 3, 0, 0, 0, 'p', '.', 'S', '/', 'M'}));
  EXPECT_EQ(BytesOf(BuildControl(FrameType::kCancel, 5)),
            Bytes({0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(BytesOf(BuildControl(FrameType::kPing, 0, 9)),
            Bytes({0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0}));
  const std::string hello = BytesOf(BuildHello({}));
  EXPECT_EQ(hello.substr(0, kFrameHeaderBytes),
            Bytes({36, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(hello.substr(kFrameHeaderBytes, 4), "FDRP");
}

TEST_F(FrameBuilderTest, WhatFitsThePeersLimitsIsSendable) {
  const BytesValue message = MessageOfSize(100);
  EXPECT_TRUE(CheckSendable(message, 3, 100, 3).ok());
  EXPECT_TRUE(
      CheckSendable(message, 0, std::numeric_limits<size_t>::max(), 0).ok());
  const absl::Status bytes = CheckSendable(message, 3, 99, 3);
  EXPECT_EQ(bytes.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(bytes.message(), HasSubstr("100 bytes"));
  const absl::Status descriptors = CheckSendable(message, 3, 100, 2);
  EXPECT_EQ(descriptors.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(descriptors.message(), HasSubstr("3 descriptors"));
}

TEST_F(FrameBuilderTest, AMessageWithoutItsRequiredFieldsIsNotSendable) {
  const google::protobuf::UninterpretedOption::NamePart message;
  const absl::Status status = CheckSendable(message, 0, 100, 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("name_part"));
}

}  // namespace
}  // namespace fdrpc::testing
