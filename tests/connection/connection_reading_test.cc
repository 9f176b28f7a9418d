// How a connection handles the frames that a peer sends.

#include <cerrno>
#include <string>

#include "connection/connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/connection/built_frames.h"
#include "tests/connection/connection_fixture.h"
#include "tests/support/fault_injection.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kMessage = static_cast<uint8_t>(FrameType::kMessage);

using ConnectionReadingTest = ConnectionFixture;

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionReadingTest, kAllTransports,
                         TransportName);

TEST_P(ConnectionReadingTest, SaysHelloFirst) {
  const Hello hello = {.features = 5, .max_calls = 77};
  Connect(hello);
  connection_->Enqueue(NewFrame(1, "call"));
  connection_->Flush();
  const Received received = ReceiveAll(*peer_);
  ASSERT_EQ(received.frames.size(), 2u);
  const ReceivedFrame& first = received.frames[0];
  EXPECT_EQ(first.header,
            (FrameHeader{.payload_bytes = kHelloBytes,
                         .type = static_cast<uint8_t>(FrameType::kHello)}));
  const absl::StatusOr<Hello> said = DecodeHello(first.payload);
  ASSERT_TRUE(said.ok()) << said.status();
  EXPECT_EQ(*said, hello);
}

TEST_P(ConnectionReadingTest, TellsTheRoleOfThePeersHello) {
  EXPECT_FALSE(connection_->Read()) << "nothing has arrived";
  EXPECT_FALSE(connection_->has_hello());
  const Hello hello = {.features = 6, .max_descriptors = 500};
  PeerSends(BuildHello(hello));
  EXPECT_TRUE(connection_->Read());
  EXPECT_TRUE(connection_->has_hello());
  EXPECT_THAT(role_->hellos, ElementsAre(hello));
}

TEST_P(ConnectionReadingTest, TakesCallsRightBehindTheHello) {
  PeerSendsHello();
  PeerSends(NewFrame(1, "call", NumberedFiles(2)));
  ReadAll();
  ASSERT_EQ(role_->frames.size(), 1u);
  EXPECT_EQ(role_->frames[0].payload, "call");
  EXPECT_EQ(role_->frames[0].descriptors.size(), 2u);
}

TEST_P(ConnectionReadingTest, RefusesAnyOtherFirstFrame) {
  for (const int type : {0, 2, 4, 8, 10, 11, 12, 17, 0x7f, 0x80, 0xff}) {
    Connect();
    PeerSends(NewFrame(0, "", {}, static_cast<uint8_t>(type)));
    ReadAll();
    ExpectClosedWith(absl::StatusCode::kInternal);
    EXPECT_THAT(role_->closed[0].message(), HasSubstr("is not a hello"));
    EXPECT_TRUE(role_->hellos.empty());
    EXPECT_TRUE(role_->frames.empty());
  }
}

TEST_P(ConnectionReadingTest, RefusesAHelloThatIsMalformed) {
  constexpr auto kHello = static_cast<uint8_t>(FrameType::kHello);
  const std::string good = BuildHello({}).head.substr(kFrameHeaderBytes);
  const auto refuses = [&](OutgoingFrame hello) {
    Connect();
    PeerSends(std::move(hello));
    ReadAll();
    ExpectClosedWith(absl::StatusCode::kInternal);
    EXPECT_TRUE(role_->hellos.empty());
  };
  refuses(NewFrame(0, "", {}, kHello));
  refuses(NewFrame(0, "GET / HTTP/1.1 and what is more than the 36 bytes", {},
                   kHello));
  refuses(NewFrame(0, good.substr(0, 35), {}, kHello));
  refuses(NewFrame(1, good, {}, kHello));
  refuses(NewFrame(0, good, NumberedFiles(1), kHello));
  refuses(NewFrame(0, good + std::string(kMaxHelloBytes, 'x'), {}, kHello));
  refuses(BuildHello({.max_calls = 1}));
  for (const size_t byte : {kFlagsOffset, kArgumentOffset}) {
    OutgoingFrame hello = BuildHello({});
    hello.head[byte] = 1;
    refuses(std::move(hello));
  }
}

TEST_P(ConnectionReadingTest, RefusesVersionsThatItDoesNotSpeak) {
  PeerSends(BuildHello({.version = 9, .oldest_version = 7}));
  ReadAll();
  ExpectClosedWith(absl::StatusCode::kInternal);
  EXPECT_THAT(role_->closed[0].message(), HasSubstr("versions 7 to 9"));
  EXPECT_FALSE(connection_->has_hello());
}

TEST_P(ConnectionReadingTest, SpeaksToLaterVersionsThatSpeakItsOwn) {
  PeerSends(BuildHello(
      {.version = 9, .oldest_version = 1, .features = ~uint64_t{0}}));
  ReadAll();
  EXPECT_TRUE(connection_->has_hello());
  EXPECT_FALSE(connection_->closed());
}

TEST_P(ConnectionReadingTest, LeavesToTheRoleWhatOnlyARoleKnows) {
  Handshake();
  const FrameHeader headers[] = {
      {.call_id = 3, .type = Type(FrameType::kOpen), .argument = 1},
      {.call_id = 3,
       .type = Type(FrameType::kMessage),
       .flags = kFlagHalfClose},
      {.call_id = 3, .type = Type(FrameType::kCancel)},
      {.call_id = 3, .type = Type(FrameType::kCredit), .argument = 1},
  };
  for (const FrameHeader& header : headers) {
    role_->frames.clear();
    OutgoingFrame frame = NewFrame(3);
    EncodeFrameHeader(header, frame.head.data());
    PeerSends(std::move(frame));
    ReadAll();
    ASSERT_EQ(role_->frames.size(), 1u) << int{header.type};
    EXPECT_EQ(role_->frames[0].header, header);
  }
  PeerSends(NewFrame(0, "name", {}, Type(FrameType::kMethod)));
  ReadAll();
  ExpectClosedWith(absl::StatusCode::kInternal);
  EXPECT_THAT(role_->closed[0].message(), HasSubstr("has the argument 0"));
}

TEST_P(ConnectionReadingTest, RefusesWhatItsPeerMayNeverSend) {
  for (const FrameType type :
       {FrameType::kHeaders, FrameType::kStatus, FrameType::kGoAway,
        FrameType::kRegion, FrameType{18}, FrameType{0x7f}, FrameType{0}}) {
    Connect();
    Handshake();
    PeerSends(NewFrame(3, "x", {}, Type(type)));
    ReadAll();
    ExpectClosedWith(absl::StatusCode::kInternal);
    EXPECT_TRUE(role_->frames.empty()) << int{Type(type)};
  }
}

TEST_P(ConnectionReadingTest, IsClosedByWhatTheRoleRefuses) {
  Handshake();
  role_->on_frame = [](const FrameHeader& header) {
    return header.call_id == 2 ? absl::InvalidArgumentError("a second hello")
                               : absl::OkStatus();
  };
  for (uint32_t i = 1; i <= 3; ++i) {
    PeerSends(NewFrame(i, "x", NumberedFiles(1)));
  }
  ReadAll();
  ExpectClosedWith(absl::StatusCode::kInternal);
  EXPECT_EQ(role_->closed[0].message(),
            "protocol error by the peer: a second hello");
  EXPECT_EQ(role_->frames.size(), 2u) << "nothing is handed over any more";
  ReceiveAll(*peer_);
  EXPECT_EQ(peer_->Receive().outcome, Transport::ReceiveOutcome::kClosed);
}

TEST_P(ConnectionReadingTest, SkipsTypesOfLaterVersionsAndClosesDescriptors) {
  Handshake();
  const DescriptorCensus before = TakeCensus();
  for (int type = kFirstSkippableType; type <= 0xff; ++type) {
    if (!fdrpc::IsSkipped(static_cast<uint8_t>(type))) continue;
    PeerSends(NewFrame(static_cast<uint32_t>(type), "payload", NumberedFiles(3),
                       static_cast<uint8_t>(type)));
    ReadAll();
    ASSERT_EQ(TakeCensus(), before) << type;
  }
  EXPECT_TRUE(role_->frames.empty());
  PeerSends(NewFrame(1, "known"));
  ReadAll();
  EXPECT_EQ(role_->frames.size(), 1u);
  EXPECT_FALSE(connection_->closed());
}

TEST_P(ConnectionReadingTest, AnswersPingsWithTheirArgument) {
  Handshake();
  for (const uint32_t argument : {0u, 7u, 0xffffffffu}) {
    PeerSends(BuildControl(FrameType::kPing, 0, argument));
  }
  ReadAll();
  const Received received = ReceiveAll(*peer_);
  ASSERT_EQ(received.frames.size(), 3u);
  const uint32_t arguments[] = {0, 7, 0xffffffff};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(received.frames[i].header,
              (FrameHeader{.type = static_cast<uint8_t>(FrameType::kPong),
                           .argument = arguments[i]}));
  }
  EXPECT_TRUE(role_->frames.empty());
}

TEST_P(ConnectionReadingTest, HandsOnPongs) {
  Handshake();
  PeerSends(BuildControl(FrameType::kPong, 0, 7));
  ReadAll();
  EXPECT_THAT(role_->pongs, ElementsAre(7u));
  EXPECT_TRUE(role_->frames.empty());
  EXPECT_FALSE(connection_->closed());
}

TEST_P(ConnectionReadingTest, RefusesASecondHello) {
  Handshake();
  PeerSendsHello();
  ReadAll();
  ExpectClosedWith(absl::StatusCode::kInternal);
  EXPECT_THAT(role_->closed[0].message(), HasSubstr("a second hello"));
  EXPECT_EQ(role_->hellos.size(), 1u);
}

TEST_P(ConnectionReadingTest, RefusesPingsAndPongsWithAnythingMore) {
  for (const FrameType type : {FrameType::kPing, FrameType::kPong}) {
    const auto number = static_cast<uint8_t>(type);
    const auto refuses = [&](OutgoingFrame frame) {
      Connect();
      Handshake();
      PeerSends(std::move(frame));
      ReadAll();
      ExpectClosedWith(absl::StatusCode::kInternal);
      EXPECT_TRUE(role_->pongs.empty());
    };
    refuses(NewFrame(1, "", {}, number));
    refuses(NewFrame(0, "x", {}, number));
    refuses(NewFrame(0, "", NumberedFiles(1), number));
    OutgoingFrame with_flags = NewFrame(0, "", {}, number);
    with_flags.head[9] = 1;
    refuses(std::move(with_flags));
  }
}

TEST_P(ConnectionReadingTest, BoundsWhatAFloodOfPingsMakesItKeep) {
  Handshake();
  size_t most = 0;
  for (int i = 0; i < 10'000'000 && !connection_->closed(); ++i) {
    PeerSends(BuildControl(FrameType::kPing, 0, 0));
    ReadAll();
    most = std::max(most, connection_->queued_bytes());
  }
  ExpectClosedWith(absl::StatusCode::kInternal);
  EXPECT_THAT(role_->closed[0].message(), HasSubstr("pings"));
  EXPECT_LE(most, 1u << 20);
}

TEST_P(ConnectionReadingTest, AnswersAPingWhileALargeReplyWaitsToBeSent) {
  Handshake();
  for (int i = 0; i < 2000; ++i) {
    connection_->Enqueue(NewFrame(1, std::string(4000, 'x')));
  }
  connection_->Flush();
  ASSERT_TRUE(connection_->write_blocked());
  ASSERT_GT(connection_->queued_bytes(), 2u << 20);
  PeerSends(BuildControl(FrameType::kPing, 0, 7));
  ReadAll();
  EXPECT_FALSE(connection_->closed());
  Received received;
  while (connection_->queued_bytes() > 0) {
    ReceiveAll(*peer_, received);
    connection_->OnWritable();
  }
  ReceiveAll(*peer_, received);
  ASSERT_EQ(received.frames.size(), 2001u);
  EXPECT_EQ(received.frames.back().header.argument, 7u);
}

TEST_P(ConnectionReadingTest, EndsOnceWhenThePeerCloses) {
  Handshake();
  PeerSends(NewFrame(1, "last"));
  peer_->Shutdown();
  ReadAll();
  EXPECT_EQ(role_->frames.size(), 1u) << "what came before is handed over";
  ReadAll();
  connection_->Close(absl::CancelledError("later"));
  ExpectClosedWith(absl::StatusCode::kUnavailable);
  EXPECT_EQ(role_->closed[0].message(), "the peer closed the connection");
}

TEST_P(ConnectionReadingTest, HandsOverNothingOnceClosed) {
  Handshake();
  PeerSends(NewFrame(1, "late", NumberedFiles(3)));
  connection_->Close(absl::CancelledError("before"));
  connection_->Read();
  EXPECT_TRUE(role_->frames.empty());
  ExpectClosedWith(absl::StatusCode::kCancelled);
}

class ConnectionOnStreamTest : public ConnectionFixture {};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionOnStreamTest,
                         ::testing::Values(TransportKind{"Stream", StreamPair}),
                         TransportName);

TEST_P(ConnectionOnStreamTest, IsClosedByASetThatDoesNotFitItsFrame) {
  Handshake();
  OutgoingFrame frame = NewFrame(1, "x");
  frame.Attach().descriptors = NumberedFiles(2);
  FrameHeader header = {.payload_bytes = 1, .call_id = 1, .type = kMessage};
  header.descriptor_count = 3;
  EncodeFrameHeader(header, frame.head.data());
  PeerSends(std::move(frame));
  ReadAll();
  ExpectClosedWith(absl::StatusCode::kInternal);
  EXPECT_THAT(role_->closed[0].message(), HasSubstr("3 descriptors but 2"));
}

TEST_P(ConnectionOnStreamTest, IsClosedWhenReceivingFails) {
  Handshake();
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "recvmsg" ? EIO : 0};
  });
  EXPECT_FALSE(connection_->Read());
  ExpectClosedWith(absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace fdrpc::testing
