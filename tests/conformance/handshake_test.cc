// Clients that do not begin as the protocol requires.

#include <unistd.h>

#include <cerrno>

#include "tests/conformance/attacked_server.h"
#include "tests/support/child.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class HandshakeTest : public AttackedServer {
 protected:
  // The server ends a connection that begins like this.
  void ExpectRefuses(const std::string& bytes,
                     const std::vector<int>& fds = {}) {
    RawPeer client = NewPeer();
    client.Send(bytes, fds);
    EXPECT_TRUE(client.ReachesEnd());
  }
  // The server serves a connection that begins like this.
  void ExpectAccepts(const std::string& hello) {
    RawPeer client = NewPeer();
    ASSERT_TRUE(client.Send(
        hello + MethodFrame(1, "fdrpc.testing.TestService/Echo").Bytes()));
    ExpectLives(client, 1);
  }
  // Lets time pass until the server has ended the connection; what it sent
  // before is dropped.
  void ExpectTimesOut(RawPeer& client) {
    do {
      clock_.AdvanceUntil(kTimeout,
                          [&](auto within) { return client.Readable(within); });
    } while (client.Read().has_value());
  }
  static constexpr absl::Duration kTimeout = absl::Hours(1);
  // Connects until the connection is accepted.
  RawPeer NewServedClient() {
    while (true) {
      RawPeer client = NewPeer();
      if (client.Send(Greeting()) && client.Send(PingFrame(1)) &&
          client.ReadType(RawFrame::kPong).has_value()) {
        return client;
      }
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Over, HandshakeTest, kAllSchemes, SchemeName);

TEST_P(HandshakeTest, IsRefusedWithTheWrongMagic) {
  Serve();
  ExpectRefuses(RawHello{.magic = "HTTP"}.Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithoutAHello) {
  Serve();
  ExpectRefuses(MethodFrame(1, "fdrpc.testing.TestService/Echo").Bytes());
  ExpectRefuses(OpenFrame(1, kEcho, "").Bytes());
  ExpectRefuses(PingFrame(1).Bytes());
  ExpectRefuses(RawFrame{.type = 0x80}.Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithTextOfAnotherProtocol) {
  Serve();
  ExpectRefuses("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ExpectRefuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

TEST_P(HandshakeTest, IsRefusedWithASecondHello) {
  Serve();
  ExpectRefuses(RawHello().Bytes() + RawHello().Bytes());
  ExpectPoisons(RawHello().Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithAVersionThatTheServerDoesNotSpeak) {
  Serve();
  ExpectRefuses(RawHello{.version = 3, .oldest_version = 2}.Bytes());
  ExpectRefuses(RawHello{.version = 0xffff, .oldest_version = 0xffff}.Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithVersionsThatMakeNoSense) {
  Serve();
  ExpectRefuses(RawHello{.version = 0, .oldest_version = 0}.Bytes());
  ExpectRefuses(RawHello{.version = 1, .oldest_version = 0}.Bytes());
  ExpectRefuses(RawHello{.version = 1, .oldest_version = 2}.Bytes());
}

TEST_P(HandshakeTest, IsMadeWithALaterVersionThatSpeaksThisOneToo) {
  Serve();
  ExpectAccepts(RawHello{.version = 9, .oldest_version = 1}.Bytes());
}

TEST_P(HandshakeTest, IsMadeWithFeaturesThatTheServerDoesNotKnow) {
  Serve();
  ExpectAccepts(RawHello{.features = ~uint64_t{0}}.Bytes());
}

TEST_P(HandshakeTest, IsMadeWithALongerHelloOfALaterVersion) {
  Serve();
  RawFrame hello = RawHello().Frame();
  hello.payload += std::string(100, '\xff');
  ExpectAccepts(hello.Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithAHelloLongerThanAnyVersions) {
  Serve();
  RawFrame hello = RawHello().Frame();
  hello.payload += std::string(300, 'x');
  ExpectRefuses(hello.Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithAHelloThatIsCutOff) {
  Serve();
  const std::string payload = RawHello().Payload();
  for (size_t size = 0; size < payload.size(); ++size) {
    RawFrame hello = RawHello().Frame();
    hello.payload.resize(size);
    ExpectRefuses(hello.Bytes());
  }
}

TEST_P(HandshakeTest, IsRefusedWithLimitsBelowTheGuaranteedOnes) {
  Serve();
  ExpectRefuses(RawHello{.max_message_bytes = (64u << 10) - 1}.Bytes());
  ExpectRefuses(RawHello{.max_message_bytes = 0}.Bytes());
  ExpectRefuses(RawHello{.max_descriptors = 15}.Bytes());
  ExpectRefuses(RawHello{.max_calls = 15}.Bytes());
}

TEST_P(HandshakeTest, IsMadeWithTheLargestLimitsThereAre) {
  Serve();
  ExpectAccepts(RawHello{
      .max_message_bytes = ~0u, .max_descriptors = ~0u, .max_calls = ~0u}
                    .Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithAHelloOfACall) {
  Serve();
  RawFrame hello = RawHello().Frame();
  hello.call = 1;
  ExpectRefuses(hello.Bytes());
}

TEST_P(HandshakeTest, IsRefusedWithDescriptors) {
  Serve();
  RawFrame hello = RawHello().Frame();
  hello.descriptors = 1;
  ExpectRefuses(hello.Bytes(), Fds(1));
  hello.descriptors = 253;
  ExpectRefuses(hello.Bytes(), Fds(253));
  // Announced without being sent, and the reverse.
  ExpectRefuses(hello.Bytes());
  ExpectRefuses(RawHello().Bytes(), Fds(1));
}

TEST_P(HandshakeTest, EndsWhenTheClientLeavesInTheMiddleOfIt) {
  Serve();
  const std::string bytes = RawHello().Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    NewPeer().Send(bytes.substr(0, size),
                   size == 0 ? std::vector<int>() : Fds(1));
  }
}

TEST_P(HandshakeTest, CanComeOneByteAtATime) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  RawPeer client = NewPeer();
  ASSERT_TRUE(client.SendBytewise(Greeting()));
  ExpectLives(client, 1);
}

TEST_P(HandshakeTest, ThatIsNeverBegunTimesOut) {
  Serve({.handshake_timeout = kTimeout});
  RawPeer client = NewPeer();
  ExpectTimesOut(client);
}

TEST_P(HandshakeTest, ThatStopsInTheMiddleTimesOut) {
  Serve({.handshake_timeout = kTimeout});
  RawPeer client = NewPeer();
  ASSERT_TRUE(client.Send(RawHello().Bytes().substr(0, 20), Fds(3)));
  ExpectTimesOut(client);
}

TEST_P(HandshakeTest, ThatTricklesForEverTimesOut) {
  Serve({.handshake_timeout = kTimeout});
  RawPeer client = NewPeer();
  // A frame that would be refused once complete, but is never complete: every
  // byte looks like progress.
  RawFrame hello = RawHello().Frame();
  hello.length = 1u << 20;
  std::string bytes = hello.Bytes();
  bytes.resize(RawFrame::kHeaderBytes + (1u << 19), 'x');
  size_t sent = 0;
  ssize_t went = 1;
  while (sent < bytes.size() && (went == 1 || went == -EAGAIN)) {
    went = client.TrySend(bytes.substr(sent, 1));
    if (went == 1) ++sent;
    clock_.Advance(kTimeout / 1000);
  }
  EXPECT_LT(sent, bytes.size());
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HandshakeTest, ThatTimesOutLeavesThoseThatWereMade) {
  Serve({.handshake_timeout = kTimeout});
  // The server's hello alone does not say that it has read the client's.
  RawPeer good = NewServedClient();
  RawPeer silent = NewPeer();
  RawPeer later = NewServedClient();
  ExpectTimesOut(silent);
  ExpectLives(good, 1);
  ExpectLives(later, 1);
}

TEST_P(HandshakeTest, ConnectionsBeyondTheLimitAreTurnedAwayOnArrival) {
  for (const ServerOptions& options :
       {ServerOptions{.max_connections = 2},
        ServerOptions{.max_connections_per_user = 2}}) {
    Serve(options);
    RawPeer first = NewClient();
    RawPeer second = NewClient();
    for (int i = 0; i < 10; ++i) {
      RawPeer third = NewPeer();
      EXPECT_TRUE(third.ReadType(RawFrame::kHello).has_value());
      std::optional<ReadFrame> go_away = third.ReadType(RawFrame::kGoAway);
      ASSERT_TRUE(go_away.has_value());
      EXPECT_EQ(go_away->frame.argument, 0u);
      EXPECT_THAT(go_away->frame.payload, HasSubstr("limit"));
      EXPECT_TRUE(third.ReachesEnd());
    }
    ExpectLives(first, 1);
    ExpectLives(second, 1);
    first.Close();
    second.Close();
    // There is room again, for as many, as soon as the server has noticed.
    RawPeer next = NewServedClient();
    RawPeer after_next = NewServedClient();
    next.Close();
    RawPeer last = NewServedClient();
    server_.reset();
  }
}

TEST_P(HandshakeTest, ACallOnAConnectionThatIsTurnedAwayLearnsWhy) {
  Serve({.max_connections_per_user = 1});
  RawPeer only = NewServedClient();
  absl::StatusOr<Channel> channel =
      Channel::Connect(dir_.address("socket", GetParam()));
  TestService::Stub stub(*channel);
  const std::string why =
      "user " + std::to_string(getuid()) + " has 1 connections to the server";
  // Unless the connection has ended before the call is sent.
  absl::Status called;
  do {
    called = stub.Echo(Text()).status();
    ASSERT_EQ(called.code(), absl::StatusCode::kUnavailable);
  } while (called.ToString().find(why) == std::string::npos);
  // Unless its time is over between two answers.
  absl::Status ready;
  do {
    ready = channel->WaitForReady(absl::Milliseconds(20));
    ASSERT_EQ(ready.code(), absl::StatusCode::kDeadlineExceeded);
  } while (ready.ToString().find(why) == std::string::npos);
  only.Close();
  EXPECT_TRUE(stub.Echo(Text(), {.wait_for_ready = true}).ok());
}

TEST_P(HandshakeTest, EachUserHasALimitOfItsOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "cannot become another user";
  Serve({.max_connections_per_user = 1});
  dir_.OpenToAll();
  dir_.OpenToAll("socket");
  RawPeer own = NewServedClient();
  EXPECT_EQ(InChild([&] {
              BecomeUnprivileged();
              RawPeer others = NewPeer();
              if (!others.Send(Greeting() + PingFrame(1).Bytes()) ||
                  !others.ReadType(RawFrame::kPong).has_value()) {
                return 1;
              }
              RawPeer second = NewPeer();
              return second.ReadType(RawFrame::kGoAway).has_value() ? 0 : 2;
            }),
            0);
  ExpectLives(own, 1);
  own.Close();
}

}  // namespace
}  // namespace fdrpc::testing
