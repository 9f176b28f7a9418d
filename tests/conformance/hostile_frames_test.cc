// Clients whose frames break the protocol.
#include <fstream>

#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

class HostileFramesTest : public AttackedServer {
 protected:
  // Memory of this process, which is also the server's.
  static size_t ResidentBytes() {
    std::ifstream statm("/proc/self/statm");
    size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * 4096;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, HostileFramesTest, kAllSchemes, SchemeName);

TEST_P(HostileFramesTest, AnUnknownTypeBelowTheSkippableOnesPoisons) {
  Serve();
  for (int type : {0, 17, 18, 0x40, 0x7f}) {
    SCOPED_TRACE(type);
    ExpectPoisons(RawFrame{.type = static_cast<uint8_t>(type)});
    ExpectPoisons(RawFrame{.type = static_cast<uint8_t>(type), .call = 1});
  }
}

TEST_P(HostileFramesTest, ASkippableTypeIsSkippedWithItsDescriptorsClosed) {
  Serve();
  RawPeer client = NewClient();
  const DescriptorCensus before = TakeCensus();
  uint32_t call = 0;
  for (int type : {0x81, 0xc3, 0xff}) {
    SCOPED_TRACE(type);
    ASSERT_TRUE(client.Send(RawFrame{.type = static_cast<uint8_t>(type),
                                     .call = 0xdeadbeef,
                                     .flags = AnyFlags(),
                                     .descriptors = 253,
                                     .argument = 0xffffffff,
                                     .payload = std::string(5000, 'x')},
                            Fds(253)));
    ExpectLives(client, ++call);
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(HostileFramesTest, ATypeThatOnlyAServerSendsPoisons) {
  Serve();
  for (uint8_t type : {RawFrame::kHeaders, RawFrame::kStatus}) {
    SCOPED_TRACE(type);
    ExpectPoisons(RawFrame{.type = type, .call = 1});
    ExpectPoisons(OpenFrame(1, kEcho, TextBytes("x")).Bytes() +
                  RawFrame{.type = type, .call = 1}.Bytes());
  }
}

TEST_P(HostileFramesTest, APayloadAboveTheLimitPoisonsBeforeItArrives) {
  Serve();
  const size_t before = ResidentBytes();
  for (uint32_t length : {(1u << 20) + 1, 1u << 31, ~0u}) {
    RawFrame frame = OpenFrame(1, kEcho, "");
    frame.length = length;
    // Only the header arrives.
    ExpectPoisons(frame);
  }
  EXPECT_LT(ResidentBytes(), before + (64u << 20));
}

TEST_P(HostileFramesTest, AnAnnouncedLengthIsNotAllocated) {
  Serve();
  const size_t before = ResidentBytes();
  std::vector<RawPeer> clients;
  RawFrame frame = OpenFrame(1, kEcho, "");
  frame.length = 1u << 20;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(NewClient());
    ASSERT_TRUE(clients.back().Send(frame));
  }
  RawPeer last = NewClient();
  ExpectLives(last, 1);
  EXPECT_LT(ResidentBytes(), before + (64u << 20));
}

TEST_P(HostileFramesTest, TheLargestFrameIsTakenWhole) {
  Serve();
  RawPeer client = NewClient();
  Text text;
  text.set_data(std::string((1u << 20) - 5, 'x'));
  while (text.ByteSizeLong() < (1u << 20)) text.mutable_data()->push_back('x');
  while (text.ByteSizeLong() > (1u << 20)) text.mutable_data()->pop_back();
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, text.SerializeAsString())));
  RawStatus status = client.ReadStatus(1);
  EXPECT_EQ(status.code, kOk) << status.text;
  EXPECT_EQ(status.message.size(), 1u << 20);
}

TEST_P(HostileFramesTest, EveryFrameOneByteAtATime) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  RawPeer client = NewPeer();
  ASSERT_TRUE(client.SendBytewise(
      Greeting() + PingFrame(5).Bytes() +
      OpenFrame(1, kEcho, TextBytes("x")).Bytes() + CancelFrame(1).Bytes() +
      RawFrame{.type = 0x81, .payload = "unknown"}.Bytes()));
  ExpectLives(client, 2);
}

TEST_P(HostileFramesTest, EachUnknownFlagOfAnOpenFramePoisons) {
  Serve();
  for (uint8_t flag : {0x40, 0x80}) {
    RawFrame open = OpenFrame(1, kEcho, TextBytes("x"));
    open.flags |= flag;
    ExpectPoisons(open);
  }
}

TEST_P(HostileFramesTest, EachUnknownFlagOfAMessageFramePoisons) {
  Serve();
  RawFrame open = OpenFrame(1, kEcho, "");
  open.flags = 0;
  for (uint8_t flag : {0x01, 0x02, 0x04, 0x40, 0x80}) {
    const RawFrame message = {
        .type = RawFrame::kMessage,
        .call = 1,
        .flags = static_cast<uint8_t>(flag | RawFrame::kHasMessage)};
    ExpectPoisons(open.Bytes() + message.Bytes());
  }
}

TEST_P(HostileFramesTest, FlagsOfFramesThatHaveNonePoison) {
  Serve();
  RawFrame cancel = CancelFrame(1);
  cancel.flags = 1;
  RawFrame open = OpenFrame(1, kEcho, "");
  open.flags = 0;
  ExpectPoisons(open.Bytes() + cancel.Bytes());
  RawFrame method = MethodFrame(6, "a/b");
  method.flags = 1;
  ExpectPoisons(method);
}

TEST_P(HostileFramesTest, AMoreFlagWithoutAMessagePoisons) {
  Serve();
  RawFrame open = OpenFrame(1, kEcho, "");
  open.flags = RawFrame::kMore;
  ExpectPoisons(open);
}

TEST_P(HostileFramesTest, BytesThatNoFlagAnnouncesPoison) {
  Serve();
  RawFrame open = OpenFrame(1, kEcho, "xxxx");
  open.flags = RawFrame::kHalfClose;
  ExpectPoisons(open);
  open.flags = 0;
  ExpectPoisons(open);
}

TEST_P(HostileFramesTest, DescriptorsWithoutAMessagePoison) {
  Serve();
  RawFrame open = OpenFrame(1, kPut, "", 2);
  open.flags = 0;
  ExpectPoisons(open, Fds(2));
}

TEST_P(HostileFramesTest, PayloadOrDescriptorsOfAControlFramePoison) {
  Serve();
  for (uint8_t type : {RawFrame::kPing, RawFrame::kPong}) {
    ExpectPoisons(RawFrame{.type = type, .payload = "x"});
    ExpectPoisons(RawFrame{.type = type, .call = 1});
    ExpectPoisons(RawFrame{.type = type, .descriptors = 1}, Fds(1));
  }
  RawFrame cancel = CancelFrame(1);
  cancel.payload = "x";
  ExpectPoisons(OpenFrame(1, kEcho, "").Bytes() + cancel.Bytes());
}

TEST_P(HostileFramesTest, PingsAreAnsweredInOrder) {
  Serve();
  RawPeer client = NewClient();
  for (uint32_t i : {0u, 1u, 0x80000000u, 0xffffffffu}) {
    ASSERT_TRUE(client.Send(PingFrame(i)));
    std::optional<ReadFrame> pong = client.Read();
    ASSERT_TRUE(pong.has_value());
    EXPECT_EQ(pong->frame.type, RawFrame::kPong);
    EXPECT_EQ(pong->frame.argument, i);
    EXPECT_EQ(pong->frame.call, 0u);
  }
}

TEST_P(HostileFramesTest, PongsNobodyAskedForAreIgnored) {
  Serve();
  RawPeer client = NewClient();
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(client.Send(RawFrame{.type = RawFrame::kPong, .argument = i}));
  }
  ExpectLives(client, 1);
}

TEST_P(HostileFramesTest, AGoAwayFromAClientPoisons) {
  Serve();
  ExpectPoisons(RawFrame{.type = RawFrame::kGoAway});
  ExpectPoisons(RawFrame{.type = RawFrame::kGoAway, .argument = ~0u});
}

TEST_P(HostileFramesTest, AFieldWithoutMeaningIsZero) {
  Serve();
  for (RawFrame frame : {CancelFrame(1), RawFrame{.type = RawFrame::kMessage,
                                         .call = 1,
                                         .flags = RawFrame::kHalfClose}}) {
    frame.argument = 1;
    ExpectPoisons(OpenFrame(1, kWatch, TextBytes("x")).Bytes() + frame.Bytes());
  }
  RawPeer client = NewPeer();
  RawFrame hello = RawHello().Frame();
  hello.argument = 1;
  client.Send(hello);
  EXPECT_TRUE(client.ReachesEnd());
  client = NewPeer();
  hello = RawHello().Frame();
  hello.flags = 1;
  client.Send(hello);
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileFramesTest, AFrameThatSaysNothingPoisons) {
  Serve();
  RawFrame open = OpenFrame(1, 6, "");
  open.flags = 0;
  const std::string begun =
      MethodFrame(6, "fdrpc.testing.TestService/Collect").Bytes() +
      open.Bytes();
  const RawFrame nothing = {.type = RawFrame::kMessage, .call = 1};
  ExpectPoisons(begun + nothing.Bytes());
  RawFrame more = nothing;
  more.flags = RawFrame::kMore;
  ExpectPoisons(begun + more.Bytes());
  RawFrame bytes = nothing;
  bytes.flags = RawFrame::kHalfClose;
  bytes.payload = "x";
  ExpectPoisons(begun + bytes.Bytes());
}

TEST_P(HostileFramesTest, CreditOfNothingPoisonsAndBeyondReasonToo) {
  Serve();
  RawFrame open = OpenFrame(1, 6, "");
  open.flags = 0;
  const std::string chat =
      MethodFrame(6, "fdrpc.testing.TestService/Chat").Bytes() + open.Bytes();
  for (uint32_t amount : {0u, 1u << 30}) {
    for (uint8_t flags : {0, 1}) {
      ExpectPoisons(chat + RawFrame{.type = RawFrame::kCredit,
                                    .call = 1,
                                    .flags = flags,
                                    .argument = amount}
                               .Bytes());
    }
  }
}

TEST_P(HostileFramesTest, AnIdThatWasSkippedIsOneThatHasEnded) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 7);
  ASSERT_TRUE(client.Send(CancelFrame(3)));
  ASSERT_TRUE(client.Send(
      RawFrame{.type = RawFrame::kCredit, .call = 4, .argument = 1}));
  ASSERT_TRUE(client.Send(RawFrame{.type = RawFrame::kMessage,
                                   .call = 5,
                                   .flags = RawFrame::kHasMessage,
                                   .payload = "x"}));
  ExpectLives(client, 8);
  client.Send(OpenFrame(6, kEcho, TextBytes("x")));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileFramesTest, AnotherKindOfMethodFailsOnlyTheCall) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(MethodFrame(6, "fdrpc.testing.TestService/Collect")));
  // One request for a method with a stream of them.
  ASSERT_TRUE(client.Send(OpenFrame(1, 6, TextBytes("x"))));
  RawStatus status = client.ReadStatus(1);
  EXPECT_EQ(status.code, kInternal);
  EXPECT_NE(status.text.find("TestService/Collect"), std::string::npos);
  // A stream of requests for a method with one; what follows is dropped.
  RawFrame open = OpenFrame(2, kEcho, "");
  open.flags = 0;
  ASSERT_TRUE(client.Send(open));
  ASSERT_TRUE(client.Send(RawFrame{.type = RawFrame::kMessage,
                                   .call = 2,
                                   .flags = RawFrame::kHasMessage,
                                   .payload = TextBytes("x")}));
  EXPECT_EQ(client.ReadStatus(2).code, kInternal);
  // A half-close in the open frame is an empty stream.
  open = OpenFrame(3, 6, "");
  open.flags = RawFrame::kHalfClose;
  ASSERT_TRUE(client.Send(open));
  EXPECT_EQ(client.ReadStatus(3).code, kOk);
  // Credit for a reply that is not a stream.
  open = OpenFrame(4, 6, "");
  open.flags = 0;
  ASSERT_TRUE(client.Send(open));
  ASSERT_TRUE(client.Send(
      RawFrame{.type = RawFrame::kCredit, .call = 4, .argument = 1}));
  EXPECT_EQ(client.ReadStatus(4).code, kInternal);
  ExpectLives(client, 5);
}

TEST_P(HostileFramesTest, CreditIsIgnoredForCallsThatWereOpened) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 1);
  ASSERT_TRUE(client.Send(
      RawFrame{.type = RawFrame::kCredit, .call = 1, .argument = ~0u}));
  ExpectLives(client, 2);
  ExpectPoisons(RawFrame{.type = RawFrame::kCredit, .call = 9, .argument = 1});
  ExpectPoisons(RawFrame{.type = RawFrame::kCredit, .call = 0, .argument = 1});
}

}  // namespace
}  // namespace fdrpc::testing
