// Keep-alive, in each of the client's forms: calls to servers that hang end,
// and calls to slow servers do not.

#include <filesystem>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/calls_fixture.h"
#include "tests/support/clocked_client.h"
#include "tests/support/raw_peer.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class KeepAliveTest : public ::testing::TestWithParam<Chosen<ClientForm>> {
 protected:
  static constexpr absl::Duration kInterval = absl::Milliseconds(10);
  // Longer than all the intervals that pass until a ping comes.
  static constexpr absl::Duration kTimeout = absl::Hours(1);

  TestService::Stub NewStub() {
    return TestService::Stub(client_.NewChannel(
        dir_.address(),
        {.keepalive_interval = kInterval, .keepalive_timeout = kTimeout}));
  }
  // On a thread of its own.
  std::future<absl::StatusOr<Text>> Echo(TestService::Stub stub,
                                         const CallOptions& options = {}) {
    return std::async(std::launch::async, [stub, options]() mutable {
      return GetParam().get().Echo(stub, Text(), options);
    });
  }
  static RawPeer Accept(RawListener& listener) {
    RawPeer server = listener.Accept();
    EXPECT_TRUE(server.Send(RawHello().Bytes()));
    return server;
  }
  // Lets intervals pass until the client asks whether the server lives; frames
  // that come before are dropped.
  std::optional<ReadFrame> AwaitPing(RawPeer& server) {
    while (true) {
      client_.clock().AdvanceUntil(
          kInterval, [&](auto within) { return server.Readable(within); });
      std::optional<ReadFrame> read = server.Read();
      if (!read.has_value() || read->frame.type == RawFrame::kPing) return read;
    }
  }
  static void ExpectGivenUp(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("keep-alive"));
  }
  // Lets timeouts pass until the call has ended.
  void ExpectGivenUp(std::future<absl::StatusOr<Text>>& reply) {
    client_.clock().AdvanceUntil(kTimeout, [&](auto within) {
      return reply.wait_for(within) == std::future_status::ready;
    });
    ExpectGivenUp(reply.get().status());
  }

  TempDir dir_;
  ClockedClient client_;
};

TEST_P(KeepAliveTest, AServerThatAnswersNothingIsGivenUp) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub();
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  RawPeer server = Accept(listener);
  EXPECT_TRUE(AwaitPing(server).has_value());
  ExpectGivenUp(reply);
  EXPECT_TRUE(server.ReachesEnd());
  // The next call makes a new connection.
  reply = Echo(stub);
  RawPeer next = Accept(listener);
  ExpectGivenUp(reply);
}

TEST_P(KeepAliveTest, EveryCallOnItEnds) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub();
  std::vector<std::future<absl::StatusOr<Text>>> replies;
  for (int i = 0; i < 4; ++i) replies.push_back(Echo(stub));
  RawPeer server = Accept(listener);
  // One of them may be late, and have its own connection.
  for (auto& reply : replies) ExpectGivenUp(reply);
}

TEST_P(KeepAliveTest, ACallBesideOneOfAnotherFormEndsToo) {
  // A waiting thread reads for the loop; after it has left, the loop reads
  // itself.
  for (const bool leaves : {false, true}) {
    RawListener listener(dir_.file("socket"));
    TestService::Stub stub = NewStub();
    std::future<absl::StatusOr<Text>> reply = Echo(stub);
    RawPeer server = Accept(listener);
    EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
    std::stop_source stop;
    std::future<absl::StatusOr<Text>> blocking =
        std::async(std::launch::async, [stub, &stop] {
          return stub.Echo(Text(), {.cancellation = stop.get_token()});
        });
    EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
    if (leaves) {
      stop.request_stop();
      EXPECT_EQ(blocking.get().status().code(), absl::StatusCode::kCancelled);
    } else {
      ExpectGivenUp(blocking);
    }
    ExpectGivenUp(reply);
    listener.Close();
    std::filesystem::remove(dir_.file("socket"));
  }
}

TEST_P(KeepAliveTest, AStreamEndsAfterWhatHasArrived) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub();
  std::future<std::unique_ptr<DrivenCall>> begun =
      std::async(std::launch::async,
                 [&stub] { return GetParam().get().Watch(stub, Text(), {}); });
  RawPeer server = Accept(listener);
  EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  EXPECT_TRUE(server.Send(
      {.type = RawFrame::kMessage, .call = 1, .flags = RawFrame::kHasMessage}));
  std::unique_ptr<DrivenCall> call = begun.get();
  EXPECT_TRUE(call->Read().has_value());
  std::future<absl::StatusOr<Text>> ended =
      std::async(std::launch::async, [&call]() -> absl::StatusOr<Text> {
        EXPECT_FALSE(call->Read().has_value());
        return call->Finish();
      });
  ExpectGivenUp(ended);
}

TEST_P(KeepAliveTest, ACallIsNotMadeAgainOfWhichTheServerMayHearYet) {
  // A server that hangs before its hello still reads what was sent to it.
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub();
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  RawPeer server = listener.Accept();
  ExpectGivenUp(reply);
  EXPECT_FALSE(listener.HasPending());
}

TEST_P(KeepAliveTest, AServerThatAnswersPingsMayTakeItsTime) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub();
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  RawPeer server = Accept(listener);
  for (int i = 0; i < 3; ++i) {
    std::optional<ReadFrame> ping = AwaitPing(server);
    ASSERT_TRUE(ping.has_value());
    // Nearly too late.
    client_.clock().Advance(kTimeout * 0.9);
    ASSERT_TRUE(server.Send(
        RawFrame{.type = RawFrame::kPong, .argument = ping->frame.argument}));
  }
  ASSERT_TRUE(server.Send(ReplyFrame(1, "")));
  const absl::Status status = reply.get().status();
  EXPECT_TRUE(status.ok()) << status;
  // Possibly one last ping, and then no more, because nobody reads the pongs.
  while (server.Readable()) {
    EXPECT_EQ(server.Read()->frame.type, RawFrame::kPing);
  }
  client_.clock().Advance(kInterval * 5);
  client_.LetLoopLook();
  EXPECT_FALSE(server.Readable());
}

TEST_P(KeepAliveTest, AHandlerThatBlocksIsNoServerThatHangs) {
  class SlowService final : public TestService::Service {
   public:
    absl::Status Echo(ServerContext&, const Text&, Text&) override {
      goes_on.wait();
      return absl::OkStatus();
    }
    std::latch goes_on{1};
  };
  SlowService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir_.address("server")).ok());
  ASSERT_TRUE(server.Start().ok());
  // The test passes on what the two say, and so sees what is on its way.
  RawListener listener(dir_.file("socket"));
  std::future<absl::StatusOr<Text>> reply = Echo(NewStub());
  RawPeer client = listener.Accept();
  RawPeer served = RawPeer::Connect(dir_.file("server"));
  for (uint8_t passed = 0; passed != RawFrame::kOpen;) {
    const std::optional<ReadFrame> read = client.Read();
    ASSERT_TRUE(read.has_value());
    passed = read->frame.type;
    ASSERT_TRUE(served.Send(read->frame));
  }
  ASSERT_TRUE(client.Send(served.ReadType(RawFrame::kHello)->frame));
  for (int i = 0; i < 3; ++i) {
    const std::optional<ReadFrame> ping = AwaitPing(client);
    ASSERT_TRUE(ping.has_value());
    client_.clock().Advance(kTimeout * 0.9);
    ASSERT_TRUE(served.Send(ping->frame));
    const std::optional<ReadFrame> pong = served.ReadType(RawFrame::kPong);
    ASSERT_TRUE(pong.has_value());
    ASSERT_TRUE(client.Send(pong->frame));
  }
  service.goes_on.count_down();
  ASSERT_TRUE(client.Send(served.ReadType(RawFrame::kStatus)->frame));
  const absl::Status status = reply.get().status();
  EXPECT_TRUE(status.ok()) << status;
  server.Shutdown();
  server.Wait();
}

TEST_P(KeepAliveTest, APongThatWaitsToBeReadIsASignOfLife) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub();
  std::stop_source stop;
  std::future<absl::StatusOr<Text>> unanswered =
      Echo(stub, {.cancellation = stop.get_token()});
  RawPeer server = Accept(listener);
  EXPECT_TRUE(AwaitPing(server).has_value());
  stop.request_stop();
  EXPECT_TRUE(server.ReadType(RawFrame::kCancel).has_value());
  EXPECT_EQ(unanswered.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(server.Send(RawFrame{.type = RawFrame::kPong}));
  client_.clock().Advance(kTimeout * 1.25);  // of blocking calls, nobody reads
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  EXPECT_TRUE(server.Send(ReplyFrame(2, "")));
  const absl::Status status = reply.get().status();
  EXPECT_TRUE(status.ok()) << status;
}

INSTANTIATE_TEST_SUITE_P(
    Forms, KeepAliveTest,
    ::testing::Values(Chosen<ClientForm>{&ClientForm::Blocking},
                      Chosen<ClientForm>{&ClientForm::Callback},
                      Chosen<ClientForm>{&ClientForm::Coroutine}),
    [](const auto& info) { return info.param.get().name(); });

}  // namespace
}  // namespace fdrpc::testing
