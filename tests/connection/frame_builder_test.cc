#include "connection/frame_builder.h"

#include <limits>
#include <string>

#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "tests/connection/built_frames.h"
#include "tests/support/bytes.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"
#include "wire/limits.h"
#include "wire/metadata_block.h"
#include "wire/open_header.h"
#include "wire/status_header.h"

namespace fdrpc::testing {
namespace {

using google::protobuf::BytesValue;

class FrameBuilderTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
};

TEST_F(FrameBuilderTest, AnOpenFrameHasTheDocumentedBytes) {
  BytesValue request;
  request.set_value("abc");
  OutgoingFrames frames = BuildOpen(&request, {}, false, {});
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
      BuildOpen(&request, NumberedFiles(2), true, {{"k", "v"}});
  CompleteOpen(frames, 1, 7, absl::Nanoseconds(0x0102));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(BytesOf(frames[0]),
            Bytes({24, 0,    0,   0,   1,  0, 0, 0,               //
                   2,  0x2d, 2,   0,   7,  0, 0, 0,               //
                   2,  1,    0,   0,   0,  0, 0, 0,               //
                   7,  0,    0,   0,   1,  1, 0, 0, 0, 'k', 'v',  //
                   10, 3,    'a', 'b', 'c'}));
  EXPECT_EQ(DescriptorsOf(frames[0]).size(), 2u);
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
    const BytesValue request;
    OutgoingFrames frames = BuildOpen(&request, {}, true, {});
    CompleteOpen(frames, 1, 1, c.timeout);
    OpenHeader header;
    ASSERT_TRUE(DecodeOpenHeader(HeaderOf(frames[0]).flags,
                                 PayloadOf(frames[0]), header)
                    .ok());
    EXPECT_EQ(header.timeout_ns, c.ns);
  }
}

TEST_F(FrameBuilderTest, AnEmptyRequestIsOneFrame) {
  const BytesValue request;
  OutgoingFrames frames = BuildOpen(&request, {}, false, {});
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(PayloadOf(frames[0]), "");
  EXPECT_EQ(HeaderOf(frames[0]).flags, kFlagMessage | kFlagHalfClose);
}

TEST_F(FrameBuilderTest, AnOpenFrameOfAStreamHasNoMessage) {
  OutgoingFrames frames = BuildOpen(nullptr, {}, false, {});
  CompleteOpen(frames, 0x04030201, 7, absl::Seconds(1));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].call_id, 0x04030201u);
  EXPECT_EQ(BytesOf(frames[0]), Bytes({0, 0, 0, 0, 1, 2, 3, 4,  //
                                       2, 0, 0, 0, 7, 0, 0, 0}));
}

TEST_F(FrameBuilderTest, AnOpenFrameOfAStreamMayHaveATimeout) {
  OutgoingFrames frames = BuildOpen(nullptr, {}, true, {});
  CompleteOpen(frames, 1, 7, absl::Nanoseconds(0x0102));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(BytesOf(frames[0]), Bytes({8, 0, 0, 0, 1, 0, 0, 0,  //
                                       2, 1, 0, 0, 7, 0, 0, 0,  //
                                       2, 1, 0, 0, 0, 0, 0, 0}));
}

TEST_F(FrameBuilderTest, AnOpenFrameOfAStreamMayHaveMetadata) {
  for (const bool has_timeout : {false, true}) {
    const Metadata metadata = {{"k", "v"}, {"empty", ""}};
    OutgoingFrames frames = BuildOpen(nullptr, {}, has_timeout, metadata);
    CompleteOpen(frames, 1, 7, absl::Nanoseconds(5));
    ASSERT_EQ(frames.size(), 1u);
    const FrameHeader header = HeaderOf(frames[0]);
    EXPECT_EQ(header.flags,
              kFlagMetadata | (has_timeout ? kFlagTimeout : uint8_t{0}));
    const std::string payload = PayloadOf(frames[0]);
    OpenHeader open;
    ASSERT_TRUE(DecodeOpenHeader(header.flags, payload, open).ok());
    EXPECT_EQ(open.timeout_ns.has_value(), has_timeout);
    EXPECT_EQ(open.metadata, metadata);
  }
}

TEST_F(FrameBuilderTest, AMessageOfAStreamHasTheDocumentedBytes) {
  BytesValue message;
  message.set_value("abc");
  for (const bool half_close : {false, true}) {
    const OutgoingFrames frames =
        BuildMessage(0x04030201, message, NumberedFiles(2), half_close);
    ASSERT_EQ(frames.size(), 1u);
    const uint8_t flags = half_close ? 0x28 : 0x08;
    EXPECT_EQ(BytesOf(frames[0]), Bytes({5,  0,     0,   0,   1,  2, 3, 4,  //
                                         4,  flags, 2,   0,   0,  0, 0, 0,  //
                                         10, 3,     'a', 'b', 'c'}));
    EXPECT_EQ(DescriptorsOf(frames[0]).size(), 2u);
    EXPECT_EQ(frames[0].call_id, 0x04030201u);
  }
}

TEST_F(FrameBuilderTest, AnEmptyMessageOfAStreamIsOneFrame) {
  const OutgoingFrames frames = BuildMessage(1, BytesValue(), {}, false);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(PayloadOf(frames[0]), "");
  EXPECT_EQ(HeaderOf(frames[0]).flags, kFlagMessage);
}

TEST_F(FrameBuilderTest, AHalfCloseHasTheDocumentedBytes) {
  const OutgoingFrame frame = BuildHalfClose(0x04030201);
  EXPECT_EQ(frame.call_id, 0x04030201u);
  EXPECT_EQ(BytesOf(frame), Bytes({0, 0, 0, 0, 1, 2, 3, 4,  //
                                   4, 0x20, 0, 0, 0, 0, 0, 0}));
}

TEST_F(FrameBuilderTest, GivesAFrameTheIdOfItsCallAfterwards) {
  OutgoingFrames frames =
      BuildMessage(0, MessageOfSize(kMaxPieceBytes + 1), {}, true);
  const OutgoingFrames expected =
      BuildMessage(0x04030201, MessageOfSize(kMaxPieceBytes + 1), {}, true);
  ASSERT_EQ(frames.size(), 2u);
  for (size_t i = 0; i < frames.size(); ++i) {
    SetCallId(frames[i], 0x04030201);
    EXPECT_EQ(frames[i].call_id, 0x04030201u);
    EXPECT_EQ(BytesOf(frames[i]), BytesOf(expected[i]));
  }
}

TEST_F(FrameBuilderTest, HeadersAreTheBlockBehindItsLength) {
  const OutgoingFrame frame = BuildHeaders(0x04030201, {{"k", "vw"}});
  EXPECT_EQ(frame.call_id, 0x04030201u);
  EXPECT_EQ(BytesOf(frame), Bytes({12, 0,    0, 0, 1, 2,   3,   4,  //
                                   3,  0x04, 0, 0, 0, 0,   0,   0,  //
                                   8,  0,    0, 0,                  //
                                   1,  2,    0, 0, 0, 'k', 'v', 'w'}));
}

TEST_F(FrameBuilderTest, HeadersDecodeToWhatTheyWereMadeOf) {
  for (const Metadata& headers :
       {Metadata{}, Metadata{{"k", ""}, {"k", "v"}, {"x-bin", "\n"}},
        Metadata{{"key", std::string(kMaxMetadataBytes - 8, 'v')}}}) {
    const OutgoingFrame frame = BuildHeaders(1, headers);
    Metadata decoded;
    ASSERT_TRUE(DecodeHeaders(PayloadOf(frame), decoded).ok());
    EXPECT_EQ(decoded, headers);
  }
}

TEST_F(FrameBuilderTest, HeadersStandBeforeEveryPieceOfAReply) {
  const Metadata headers = {{"k", "v"}};
  const auto message = MessageOfSize(kMaxPieceBytes + 1);
  const OutgoingMessage reply(message);
  const OutgoingFrames frames =
      BuildStatus(3, absl::OkStatus(), headers, {{"t", "w"}}, &reply, {});
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(BytesOf(frames[0]), BytesOf(BuildHeaders(3, headers)));
  EXPECT_EQ(HeaderOf(frames[1]).type,
            static_cast<uint8_t>(FrameType::kMessage));
  EXPECT_EQ(HeaderOf(frames[2]).flags, kFlagTrailers | kFlagMessage);
}

TEST_F(FrameBuilderTest, CreditIsAFrameForEachOfTheTwo) {
  EXPECT_TRUE(BuildCredit(1, {}).empty());
  const std::string bytes = Bytes({0, 0, 0, 0, 1, 2, 3, 4,  //
                                   7, 0, 0, 0, 5, 6, 7, 8});
  const std::string descriptors = Bytes({0, 0, 0, 0, 1, 2, 3, 4,  //
                                         7, 1, 0, 0, 9, 0, 0, 0});
  const OutgoingFrames both =
      BuildCredit(0x04030201, {.bytes = 0x08070605, .descriptors = 9});
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(BytesOf(both[0]), bytes);
  EXPECT_EQ(BytesOf(both[1]), descriptors);
  EXPECT_EQ(both[0].call_id, 0x04030201u);
  EXPECT_EQ(both[1].call_id, 0x04030201u);
  const OutgoingFrames one = BuildCredit(0x04030201, {.bytes = 0x08070605});
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(BytesOf(one[0]), bytes);
  const OutgoingFrames other = BuildCredit(0x04030201, {.descriptors = 9});
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(BytesOf(other[0]), descriptors);
}

TEST_F(FrameBuilderTest, AReplyHasTheDocumentedBytes) {
  BytesValue reply;
  reply.set_value("abc");
  const OutgoingMessage sent(reply);
  const OutgoingFrames frames =
      BuildStatus(3, absl::OkStatus(), {}, {}, &sent, NumberedFiles(1));
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
  const OutgoingMessage sent(reply);
  const OutgoingFrames frames = BuildStatus(
      3, status, most, most, &sent, NumberedFiles(kMaxSentFrameDescriptors));
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

}  // namespace
}  // namespace fdrpc::testing
