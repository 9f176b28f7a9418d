// Clients that offer services as the protocol does not allow, or that misbehave
// when they are called back; and servers that misuse what a client offers.

#include <sys/socket.h>

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/alarm.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "tests/conformance/attacked_channel.h"
#include "tests/conformance/attacked_server.h"
#include "tests/conformance/full_descriptor_table.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

RawFrame OfferFrame() { return {.type = RawFrame::kOffer, .descriptors = 1}; }
// Says that the socket follows; from a server, that it shall be sent again.
RawFrame BareOfferFrame() { return {.type = RawFrame::kOffer}; }

class HostileOffersTest : public AttackedServer {
 protected:
  HostileOffersTest() {
    // Calls the client back, unless that offers nothing.
    service_.echo = [](ServerContext& context, const Text& request,
                       Text& reply) {
      reply = request;
      if (request.text() == "alive") return absl::OkStatus();
      absl::StatusOr<Channel> client = ChannelToClient(context);
      if (!client.ok()) return client.status();
      const absl::StatusOr<Text> got = TestService::Stub(*client).Echo(
          request, {.timeout = absl::Milliseconds(100)});
      if (got.ok()) reply = *got;
      return got.status();
    };
  }
  void ExpectEnds(const RawFrame& frame, std::vector<int> fds) {
    SCOPED_TRACE(frame.descriptors);
    ExpectPoisons(frame, fds);
  }
  // The server calls that client over `serves` during the call `call`, and no
  // longer than the client's connection lasts.
  static void ExpectCalledBack(RawPeer& client, uint32_t call, RawPeer serves) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kEcho, TextBytes("back"))));
    ASSERT_TRUE(serves.Send(RawHello().Bytes()));
    EXPECT_TRUE(serves.ReadType(RawFrame::kHello).has_value());
    const std::optional<ReadFrame> open = serves.ReadType(RawFrame::kOpen);
    ASSERT_TRUE(open.has_value());
    ASSERT_TRUE(serves.Send(
        ReplyFrame(open->frame.call, TextBytes("from the client"))));
    const RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kOk) << status.text;
    EXPECT_EQ(status.message, TextBytes("from the client"));
    client.Close();
    EXPECT_TRUE(serves.ReachesEnd());
  }
  // The socket that a client offers, and its own end.
  std::pair<UniqueFd, UniqueFd> pair_ = SocketPair();
};
INSTANTIATE_TEST_SUITE_P(Over, HostileOffersTest, kAllSchemes, SchemeName);

TEST_P(HostileOffersTest, ThatAreMalformedEndTheConnection) {
  Serve();
  const int socket = pair_.first.get();
  RawFrame frame = OfferFrame();
  frame.flags = 1;
  ExpectEnds(frame, {socket});
  frame = OfferFrame();
  frame.call = 1;
  ExpectEnds(frame, {socket});
  frame = OfferFrame();
  frame.argument = 1;
  ExpectEnds(frame, {socket});
  frame = OfferFrame();
  frame.payload = "x";
  ExpectEnds(frame, {socket});
  frame = OfferFrame();
  frame.descriptors = 2;
  ExpectEnds(frame, {socket, socket});
  // Another count than in the header.
  ExpectEnds(OfferFrame(), {socket, socket});
  ExpectEnds(OfferFrame(), {});
}

TEST_P(HostileOffersTest, OfSomethingElseThanAConnectedSocketEndTheConnection) {
  Serve();
  ExpectEnds(OfferFrame(), {file_.get()});
  const auto [reads, writes] = Pipe();
  ExpectEnds(OfferFrame(), {reads.get()});
  const UniqueFd unconnected(socket(AF_UNIX, SOCK_STREAM, 0));
  ExpectEnds(OfferFrame(), {unconnected.get()});
  const UniqueFd inet(socket(AF_INET, SOCK_STREAM, 0));
  ExpectEnds(OfferFrame(), {inet.get()});
  int datagrams[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams), 0);
  const UniqueFd first(datagrams[0]), second(datagrams[1]);
  ExpectEnds(OfferFrame(), {datagrams[0]});
}

TEST_P(HostileOffersTest, ASecondOneEndsTheConnection) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
  client.Send(OfferFrame(), {pair_.first.get()});
  EXPECT_TRUE(client.ReachesEnd());
  client = NewClient();
  ASSERT_TRUE(client.Send(BareOfferFrame()));
  client.Send(BareOfferFrame());
  EXPECT_TRUE(client.ReachesEnd());
  client = NewClient();
  ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
  client.Send(BareOfferFrame());
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileOffersTest, AfterTheFirstCallTheyEndTheConnection) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 1);
  client.Send(OfferFrame(), {pair_.first.get()});
  EXPECT_TRUE(client.ReachesEnd());
  client = NewClient();
  ExpectLives(client, 1);
  client.Send(BareOfferFrame());
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileOffersTest, TheSocketMayFollowLater) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(BareOfferFrame()));
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("back"))));
  const RawStatus status = client.ReadStatus(1);
  EXPECT_EQ(status.code, kResourceExhausted) << status.text;
  EXPECT_THAT(status.text, HasSubstr("could not send the socket"));
  ExpectLives(client, 2);
  auto [ours, theirs] = SocketPair();
  ASSERT_TRUE(client.Send(OfferFrame(), {theirs.get()}));
  theirs.Reset();
  ExpectCalledBack(client, 3, RawPeer(std::move(ours)));
}

TEST_P(HostileOffersTest, TheServerCallsOverWhatIsOffered) {
  Serve();
  for (int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    auto [ours, theirs] = SocketPair(type);
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(OfferFrame(), {theirs.get()}));
    theirs.Reset();
    ExpectCalledBack(client, 1, RawPeer(std::move(ours)));
  }
}

TEST_P(HostileOffersTest, AClientThatAnswersNonsenseFailsOnlyTheCallBack) {
  Serve();
  auto [ours, theirs] = SocketPair();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OfferFrame(), {theirs.get()}));
  RawPeer serves(std::move(ours));
  ASSERT_TRUE(serves.Send(std::string(100, 'x')));
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("back"))));
  EXPECT_EQ(client.ReadStatus(1).code, kInternal);
  ExpectLives(client, 2);
}

TEST_P(HostileOffersTest, AClientThatIsSilentWhenItIsCalledHoldsNobodyUp) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("back"))));
  EXPECT_EQ(client.ReadStatus(1).code, kDeadlineExceeded);
  ExpectLives(client, 2);
  // One whose other end is closed already.
  auto [closed, offered] = SocketPair();
  closed.Reset();
  RawPeer other = NewClient();
  ASSERT_TRUE(other.Send(OfferFrame(), {offered.get()}));
  ASSERT_TRUE(other.Send(OpenFrame(1, kEcho, TextBytes("back"))));
  EXPECT_NE(other.ReadStatus(1).code, kOk);
  ExpectLives(other, 2);
}

TEST_P(HostileOffersTest, AConnectionThatOffersItselfEnds) {
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OfferFrame(), {client.fd()}));
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("back"))));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileOffersTest, WithoutRoomForTheSocketOnlyTheCallBackFails) {
  Serve();
  RawPeer client = NewClient();
  {
    const FullDescriptorTable full(0);
    ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
    ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("back"))));
    RawStatus status = client.ReadStatus(1);
    EXPECT_EQ(status.code, kResourceExhausted) << status.text;
    EXPECT_THAT(status.text, HasSubstr("limit of open files"));
    ExpectLives(client, 2);
  }
  auto [ours, theirs] = SocketPair();
  ASSERT_TRUE(client.Send(OfferFrame(), {theirs.get()}));
  theirs.Reset();
  ExpectCalledBack(client, 3, RawPeer(std::move(ours)));
}

TEST_P(HostileOffersTest, TheServerAsksAgainForTheSocketThatItCouldNotTake) {
  Serve();
  RawPeer client = NewClient();
  {
    const FullDescriptorTable full(0);
    ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
    const std::optional<ReadFrame> again = client.ReadType(RawFrame::kOffer);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->frame.Bytes(), BareOfferFrame().Bytes());
    // A client that goes on and on is asked as long as it reads.
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
    }
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(client.ReadType(RawFrame::kOffer).has_value());
    }
  }
  ExpectLives(client, 1);
}

TEST_P(HostileOffersTest, CountForWhatTheConnectionHolds) {
  Serve({.max_held_descriptors_per_connection = 16});
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OfferFrame(), {pair_.first.get()}));
  ASSERT_TRUE(client.Send(OpenFrame(1, kPut, FilesBytesTo(16), 16), Fds(16)));
  EXPECT_EQ(client.ReadStatus(1).code, kResourceExhausted);
  ASSERT_TRUE(client.Send(OpenFrame(2, kPut, FilesBytesTo(15), 15), Fds(15)));
  EXPECT_EQ(client.ReadStatus(2).code, kOk);
}

class HostileUseOfOffersTest : public AttackedChannel {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }

  // The socket that the channel offers, on a connection of its.
  static UniqueFd ReadOffer(RawPeer& server) {
    const std::optional<ReadFrame> bare = server.ReadType(RawFrame::kOffer);
    EXPECT_TRUE(bare.has_value());
    if (!bare.has_value()) return {};
    EXPECT_EQ(bare->frame.Bytes(), BareOfferFrame().Bytes());
    return ReadSocket(server);
  }
  static UniqueFd ReadSocket(RawPeer& server) {
    std::optional<ReadFrame> offer = server.ReadType(RawFrame::kOffer);
    EXPECT_TRUE(offer.has_value());
    if (!offer.has_value() || offer->descriptors.size() != 1) return {};
    EXPECT_EQ(offer->frame.Bytes(), OfferFrame().Bytes());
    return std::move(offer->descriptors[0]);
  }
};
INSTANTIATE_TEST_SUITE_P(Over, HostileUseOfOffersTest, kAllSchemes, SchemeName);

TEST_P(HostileUseOfOffersTest, EndsNoMoreThanTheDirectionThatIsMisused) {
  FakeService observer;
  OfferedServices offered({&observer});
  stub_ = NewStub({.offer = offered});
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  UniqueFd socket = ReadOffer(server);
  const uint32_t call = ReadCall(server);
  {
    RawPeer back(std::move(socket));
    ASSERT_TRUE(back.Send(std::string(100, 'x')));
    EXPECT_TRUE(back.ReachesEnd());
  }
  ASSERT_TRUE(server.Send(ReplyFrame(call, TextBytes("x"))));
  EXPECT_TRUE(reply.get().ok());
  ExpectLives(server);
}

TEST_P(HostileUseOfOffersTest, AServerThatKeepsTheSocketDoesNotKeepTheService) {
  FakeService observer;
  OfferedServices offered({&observer});
  stub_ = NewStub({.offer = offered});
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  RawPeer back(ReadOffer(server));
  ASSERT_TRUE(back.Send(RawHello().Bytes()));
  EXPECT_TRUE(back.ReadType(RawFrame::kHello).has_value());
  const uint32_t call = ReadCall(server);
  ASSERT_TRUE(server.Send(PingFrame(1).Bytes() + PingFrame(2).Bytes() +
                          RawFrame{.type = 0}.Bytes()));
  EXPECT_NE(call, 0u);
  EXPECT_EQ(reply.get().status().code(), Code::kInternal);
  // The client has ended the connection, and so the other direction.
  EXPECT_TRUE(back.ReachesEnd());
}

TEST_P(HostileUseOfOffersTest, AServerThatAsksForTheSocketGetsAnotherOne) {
  FakeService observer;
  OfferedServices offered({&observer});
  stub_ = NewStub({.offer = offered});
  std::future<absl::StatusOr<Text>> reply = Echo();
  RawPeer server = Accept();
  RawPeer first(ReadOffer(server));
  uint32_t call = ReadCall(server);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(server.Send(BareOfferFrame().Bytes() +
                            ReplyFrame(call, TextBytes("x")).Bytes()));
    EXPECT_TRUE(reply.get().ok());
    EXPECT_TRUE(first.ReachesEnd());
    // With its next call.
    reply = Echo();
    first = RawPeer(ReadSocket(server));
    call = ReadCall(server);
    ASSERT_TRUE(first.Send(RawHello().Bytes()));
    EXPECT_TRUE(first.ReadType(RawFrame::kHello).has_value());
  }
  ASSERT_TRUE(server.Send(ReplyFrame(call, TextBytes("x"))));
  EXPECT_TRUE(reply.get().ok());
}

TEST_P(HostileUseOfOffersTest, EachConnectionHasAnOfferOfItsOwn) {
  FakeService observer;
  OfferedServices offered({&observer});
  stub_ = NewStub({.offer = offered});
  for (int i = 0; i < 3; ++i) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = Accept();
    RawPeer back(ReadOffer(server));
    ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
    EXPECT_TRUE(reply.get().ok());
    ASSERT_TRUE(back.Send(RawHello().Bytes()));
    EXPECT_TRUE(back.ReadType(RawFrame::kHello).has_value());
  }
}

}  // namespace
}  // namespace fdrpc::testing
