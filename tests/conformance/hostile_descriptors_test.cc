// Clients whose descriptors do not match their frames.

#include <latch>

#include "tests/conformance/attacked_server.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

using HostileDescriptorsTest = AttackedServer;
INSTANTIATE_TEST_SUITE_P(Over, HostileDescriptorsTest, kAllSchemes, SchemeName);

TEST_P(HostileDescriptorsTest, ACountLargerThanTheSetPoisons) {
  Serve();
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(2), 2), Fds(1));
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(253), 253), Fds(252));
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(1), 1));
}

TEST_P(HostileDescriptorsTest, ACountSmallerThanTheSetPoisons) {
  Serve();
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(1), 1), Fds(2));
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(2), 2), Fds(253));
}

TEST_P(HostileDescriptorsTest, ASetForAFrameThatAnnouncesNonePoisons) {
  Serve();
  ExpectPoisons(OpenFrame(1, kEcho, TextBytes("x")), Fds(1));
  ExpectPoisons(PingFrame(1), Fds(253));
}

TEST_P(HostileDescriptorsTest, ACountAboveWhatOneSendTakesPoisons) {
  Serve();
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(254), 254), Fds(253));
  ExpectPoisons(OpenFrame(1, kPut, "", 0xffff), Fds(1));
}

TEST_P(HostileDescriptorsTest, TwoSetsForOneFramePoison) {
  Serve();
  RawPeer client = NewClient();
  const std::string bytes = OpenFrame(1, kPut, FilesBytesTo(2), 2).Bytes();
  client.Send(bytes.substr(0, 20), Fds(1));
  client.Send(bytes.substr(20), Fds(1));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileDescriptorsTest, ASecondSetBeforeAFramesEndPoisonsAtOnce) {
  Serve();
  RawPeer client = NewClient();
  const std::string bytes =
      OpenFrame(1, kPut, std::string(1000, 'x'), 2).Bytes();
  client.Send(bytes.substr(0, 20), Fds(2));
  client.Send(bytes.substr(20, 1), Fds(253));
  // The frame is never completed: if sets were kept until it is, each byte
  // could bring 253 more descriptors.
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileDescriptorsTest, ASetInTheMiddleOfAPlainFramePoisons) {
  Serve();
  RawPeer client = NewClient();
  const std::string bytes = OpenFrame(1, kEcho, TextBytes("hello")).Bytes();
  client.Send(bytes.substr(0, 20));
  client.Send(bytes.substr(20), Fds(1));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileDescriptorsTest, ASetBehindItsFramesFirstBytePoisons) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 1);
  const std::string bytes = OpenFrame(2, kPut, FilesBytesTo(1), 1).Bytes();
  client.Send(bytes.substr(0, 1));
  // Has been read when another connection's call has been served.
  RawPeer other = NewClient();
  ExpectLives(other, 1);
  client.Send(bytes.substr(1), Fds(1));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileDescriptorsTest, OneSetForTwoFramesThatAnnounceOneEachPoisons) {
  Serve();
  ExpectPoisons(OpenFrame(1, kPut, FilesBytesTo(1), 1).Bytes() +
                    OpenFrame(2, kPut, FilesBytesTo(1), 1).Bytes(),
                Fds(2));
}

TEST_P(HostileDescriptorsTest, ASetThenALeaveInTheMiddleOfTheMessage) {
  Serve();
  const std::string bytes = OpenFrame(1, kPut, FilesBytesTo(100), 100).Bytes();
  for (size_t size :
       {size_t{1}, size_t{15}, size_t{16}, size_t{17}, bytes.size() - 1}) {
    NewClient().Send(bytes.substr(0, size), Fds(100));
  }
}

TEST_P(HostileDescriptorsTest, APieceWithDescriptorsThenALeave) {
  Serve();
  RawPeer client = NewClient();
  RawFrame open = OpenFrame(1, kPut, "", 253);
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  ASSERT_TRUE(client.Send(open, Fds(253)));
  ExpectLives(client, 2);
}

TEST_P(HostileDescriptorsTest, WhereTheMethodTakesNoneTheyFailOnlyTheCall) {
  Serve();
  ExpectFailsCall(OpenFrame(1, kEcho, TextBytes("x"), 1), Fds(1), kInternal);
  ExpectFailsCall(OpenFrame(1, kGet, TextBytes("x"), 253), Fds(253), kInternal);
}

TEST_P(HostileDescriptorsTest, WhereTheMethodTakesNoneManyThousandsOfTimes) {
  Serve();
  RawPeer client = NewClient();
  const DescriptorCensus before = TakeCensus();
  constexpr uint32_t kBatch = 100;
  for (uint32_t call = 1; call <= 10'000; call += kBatch) {
    for (uint32_t i = 0; i < kBatch; ++i) {
      ASSERT_TRUE(
          client.Send(OpenFrame(call + i, kEcho, TextBytes("x"), 3), Fds(3)));
    }
    for (uint32_t i = 0; i < kBatch; ++i) {
      ASSERT_EQ(client.ReadStatus(call + i).code, kInternal);
    }
    // Never more than are on their way.
    ASSERT_LE(TakeCensus().size(), before.size() + 64);
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
  ExpectLives(client, 20'000);
}

TEST_P(HostileDescriptorsTest, ForAnUnknownMethodTheyAreClosed) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(MethodFrame(6, "no.such/Method")));
  const DescriptorCensus before = TakeCensus();
  for (uint32_t call = 1; call <= 100; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, 6, FilesBytesTo(50), 50), Fds(50)));
    EXPECT_EQ(client.ReadStatus(call).code, kUnimplemented);
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(HostileDescriptorsTest, ForAFinishedCallTheyAreClosed) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 1);
  const DescriptorCensus before = TakeCensus();
  const RawFrame late = {.type = RawFrame::kMessage,
                         .call = 1,
                         .flags = RawFrame::kHasMessage | RawFrame::kMore,
                         .descriptors = 20};
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.Send(late, Fds(20)));
  ExpectLives(client, 2);
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(HostileDescriptorsTest, ForAnUnknownCallTheyPoison) {
  Serve();
  ExpectPoisons(RawFrame{.type = RawFrame::kMessage,
                         .call = 77,
                         .flags = RawFrame::kHasMessage,
                         .descriptors = 20},
                Fds(20));
}

TEST_P(HostileDescriptorsTest, WithAMessageTooLargeTheyAreClosed) {
  Serve({.max_request_bytes = 64u << 10});
  ExpectFailsCall(OpenFrame(1, kPut, std::string(100u << 10, 'x'), 9), Fds(9),
                  kResourceExhausted);
}

TEST_P(HostileDescriptorsTest, BeyondWhatAConnectionMayHoldTheyFailTheCall) {
  Serve({.max_held_descriptors_per_connection = 100});
  RawPeer client = NewClient();
  const DescriptorCensus before = TakeCensus();
  RawFrame open = OpenFrame(1, kPut, "", 40);
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  for (int round = 0; round < 20; ++round) {
    // The quota is exact, and has its former value after each round.
    for (uint32_t i = 0; i < 3; ++i) {
      ++open.call;
      ASSERT_TRUE(client.Send(open, Fds(40)));
    }
    EXPECT_EQ(client.ReadStatus().code, kResourceExhausted);
    ASSERT_TRUE(client.Send(CancelFrame(open.call - 1)));
    ASSERT_TRUE(client.Send(CancelFrame(open.call - 2)));
  }
  ExpectLives(client, open.call + 1);
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

TEST_P(HostileDescriptorsTest, ASlotUsedTwiceFailsTheCall) {
  Serve();
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({1, 1}), 1), Fds(1), kInternal);
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({1, 2, 1}), 3), Fds(3),
                  kInternal);
}

TEST_P(HostileDescriptorsTest, ASlotOutOfRangeFailsTheCall) {
  Serve();
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({2}), 1), Fds(1), kInternal);
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({1})), {}, kInternal);
  for (uint32_t slot : {0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({slot}), 1), Fds(1),
                    kInternal);
  }
}

TEST_P(HostileDescriptorsTest, ASlotThatNothingNamesFailsTheCall) {
  Serve();
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({1}), 2), Fds(2), kInternal);
  ExpectFailsCall(OpenFrame(1, kPut, "", 253), Fds(253), kInternal);
}

TEST_P(HostileDescriptorsTest, ASlotOfZeroFailsTheCall) {
  Serve();
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({0}), 1), Fds(1), kInternal);
  ExpectFailsCall(OpenFrame(1, kPut, FilesBytes({0})), {}, kInternal);
}

TEST_P(HostileDescriptorsTest, CredentialsBesideTheDescriptorsChangeNothing) {
  Serve();
  RawPeer client = NewClient();
  for (uint32_t call = 1; call <= 10; ++call) {
    const auto count = static_cast<uint16_t>(call % 2 == 0 ? 253 : call);
    ASSERT_TRUE(client.SendWithCredentials(
        OpenFrame(call, kPut, FilesBytesTo(count), count).Bytes(), Fds(count)));
    RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kOk) << status.text;
  }
  ASSERT_TRUE(client.SendWithCredentials(
      OpenFrame(11, kEcho, TextBytes("x")).Bytes(), {}));
  EXPECT_EQ(client.ReadStatus(11).code, kOk);
}

TEST_P(HostileDescriptorsTest, AnOutOfBandByteIsNoPartOfTheStream) {
  Serve();
  RawPeer client = NewClient();
  const std::string bytes = OpenFrame(1, kPut, FilesBytesTo(2), 2).Bytes();
  ASSERT_TRUE(client.Send(bytes.substr(0, 10), Fds(2)));
  if (!client.SendOutOfBand("!")) {
    GTEST_SKIP() << "this kernel has no out-of-band data on Unix sockets";
  }
  ASSERT_TRUE(client.Send(bytes.substr(10)));
  EXPECT_EQ(client.ReadStatus(1).code, kOk);
  ExpectLives(client, 2);
}

TEST_P(HostileDescriptorsTest, ManyOutOfBandBytesDoNoHarmToOthers) {
  // Without busy polling, so that a loop that spins on those bytes shows.
  Serve({.max_busy_poll = absl::ZeroDuration()});
  const FaultInjection counting(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  RawPeer client = NewClient();
  // Of two that were not read, the first becomes part of the stream, where it
  // is malformed.
  for (int i = 0; i < 100; ++i) client.SendOutOfBand("!");
  RawPeer other = NewClient();
  for (uint32_t call = 1; call <= 100; ++call) ExpectLives(other, call);
  EXPECT_LT(counting.CountOf("epoll_wait"), 2000u) << "the server spins";
}

TEST_P(HostileDescriptorsTest, TheConnectionsOwnSocketsEndIsClosedWithItsCall) {
  Serve();
  RawPeer client = NewClient();
  // The server would hold the client's socket, so that it never sees it close.
  ASSERT_TRUE(
      client.Send(OpenFrame(1, kPut, FilesBytesTo(1), 1), {client.fd()}));
  EXPECT_EQ(client.ReadStatus(1).code, kOk);
  ASSERT_TRUE(
      client.Send(OpenFrame(2, kEcho, TextBytes("x"), 1), {client.fd()}));
  EXPECT_EQ(client.ReadStatus(2).code, kInternal);
}

TEST_P(HostileDescriptorsTest, TheConnectionsOwnSocketThenALeave) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(
      client.Send(OpenFrame(1, kPut, FilesBytesTo(1), 1), {client.fd()}));
}

TEST_P(HostileDescriptorsTest, TheConnectionsOwnSocketInAFrameThatPoisons) {
  Serve();
  ExpectPoisons(PingFrame(1), Fds(1));
  RawPeer client = NewClient();
  client.Send(PingFrame(1), {client.fd(), client.fd()});
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileDescriptorsTest, TheConnectionsOwnSocketInARequestThatNeverEnds) {
  Serve({.request_timeout = absl::Milliseconds(20)});
  RawFrame open = OpenFrame(1, kPut, FilesBytesTo(1), 1);
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  for (int i = 0; i < 20; ++i) {
    // The server holds the client's socket, so it never sees that the client
    // has left.
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(open, {client.fd()}));
  }
}

TEST_P(HostileDescriptorsTest, TheConnectionsOwnSocketInAFrameThatNeverEnds) {
  Serve({.request_timeout = absl::Milliseconds(20)});
  const std::string open = OpenFrame(1, kPut, FilesBytesTo(1), 1).Bytes();
  for (size_t bytes : {size_t{1}, size_t{16}, open.size() - 1}) {
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(open.substr(0, bytes), {client.fd()}));
  }
}

TEST_P(HostileDescriptorsTest, ARequestThatTakesItsTimeKeepsItsConnection) {
  Serve({.request_timeout = absl::Hours(1)});
  RawPeer client = NewClient();
  RawFrame open = OpenFrame(1, kEcho, "");
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  ASSERT_TRUE(client.Send(open));
  ExpectLives(client, 2);
  ASSERT_TRUE(client.Send(
      RawFrame{.type = RawFrame::kMessage,
               .call = 1,
               .flags = RawFrame::kHasMessage | RawFrame::kHalfClose}));
  EXPECT_EQ(client.ReadStatus(1).code, kOk);
}

TEST_P(HostileDescriptorsTest, ItsOwnEndOfTheConnectionEchoedBack) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(
      client.Send(OpenFrame(1, kExchange, FilesBytesTo(1), 1), {client.fd()}));
  RawStatus status = client.ReadStatus(1);
  ASSERT_EQ(status.code, kOk);
  ASSERT_EQ(status.descriptors.size(), 1u);
  EXPECT_TRUE(SameDescription(status.descriptors[0].get(), client.fd()));
}

TEST_P(HostileDescriptorsTest, ShuttingDownReleasesACycleThroughAHandler) {
  std::latch held(1);
  std::latch release(1);
  service_.put = [&](ServerContext&, Parcel<Files>&, Text&) {
    held.count_down();
    release.wait();
    return absl::OkStatus();
  };
  Serve();
  RawPeer client = NewClient();
  RawPeer second(UniqueFd(dup(client.fd())));
  ASSERT_TRUE(
      client.Send(OpenFrame(1, kPut, FilesBytesTo(1), 1), {client.fd()}));
  held.wait();
  server_->Shutdown(absl::ZeroDuration());
  EXPECT_TRUE(second.ReachesEnd());
  release.count_down();
  server_.reset();
}

}  // namespace
}  // namespace fdrpc::testing
