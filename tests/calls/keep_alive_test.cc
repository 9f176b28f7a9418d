// Keep-alive, in each of the client's forms: servers that hang end their calls,
// and those that are only slow do not.

#include <filesystem>
#include <future>
#include <memory>
#include <ostream>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/calls_fixture.h"
#include "tests/support/raw_peer.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class KeepAliveTest : public ::testing::TestWithParam<Chosen<ClientForm>> {
 protected:
  static constexpr absl::Duration kInterval = absl::Milliseconds(10);
  // A timeout for servers that are to be given up; long enough for what they
  // do before.
  static constexpr absl::Duration kSoon = absl::Milliseconds(250);

  TestService::Stub NewStub(absl::Duration timeout) {
    return TestService::Stub(*Channel::Connect(
        dir_.address(),
        {.keepalive_interval = kInterval, .keepalive_timeout = timeout}));
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
  static void ExpectGivenUp(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("keep-alive"));
  }

  TempDir dir_;
};

TEST_P(KeepAliveTest, AServerThatAnswersNothingIsGivenUp) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub(kSoon);
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  RawPeer server = Accept(listener);
  EXPECT_TRUE(server.ReadType(RawFrame::kPing).has_value());
  ExpectGivenUp(reply.get().status());
  EXPECT_TRUE(server.ReachesEnd());
  // The next call makes a new connection.
  reply = Echo(stub);
  RawPeer next = Accept(listener);
  ExpectGivenUp(reply.get().status());
}

TEST_P(KeepAliveTest, EveryCallOnItEnds) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub(kSoon);
  std::vector<std::future<absl::StatusOr<Text>>> replies;
  for (int i = 0; i < 4; ++i) replies.push_back(Echo(stub));
  RawPeer server = Accept(listener);
  // One of them may come late, and have a connection of its own.
  for (auto& reply : replies) ExpectGivenUp(reply.get().status());
}

TEST_P(KeepAliveTest, ACallBesideOneOfAnotherFormEndsToo) {
  // A thread that waits reads for the loop; once it has left, the loop itself.
  for (const bool leaves : {false, true}) {
    RawListener listener(dir_.file("socket"));
    TestService::Stub stub = NewStub(kSoon);
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
      ExpectGivenUp(blocking.get().status());
    }
    ExpectGivenUp(reply.get().status());
    listener.Close();
    std::filesystem::remove(dir_.file("socket"));
  }
}

TEST_P(KeepAliveTest, AStreamEndsAfterWhatHasArrived) {
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub(kSoon);
  std::future<std::unique_ptr<DrivenCall>> begun =
      std::async(std::launch::async,
                 [&stub] { return GetParam().get().Watch(stub, Text(), {}); });
  RawPeer server = Accept(listener);
  EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  EXPECT_TRUE(server.Send(
      {.type = RawFrame::kMessage, .call = 1, .flags = RawFrame::kHasMessage}));
  std::unique_ptr<DrivenCall> call = begun.get();
  EXPECT_TRUE(call->Read().has_value());
  EXPECT_FALSE(call->Read().has_value());
  ExpectGivenUp(call->Finish().status());
}

TEST_P(KeepAliveTest, ACallIsNotMadeAgainOfWhichTheServerMayHearYet) {
  // What a server that hangs before its hello has been sent, it still reads.
  RawListener listener(dir_.file("socket"));
  TestService::Stub stub = NewStub(kSoon);
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  RawPeer server = listener.Accept();
  ExpectGivenUp(reply.get().status());
  EXPECT_FALSE(listener.HasPending());
}

TEST_P(KeepAliveTest, AServerThatAnswersPingsMayTakeItsTime) {
  RawListener listener(dir_.file("socket"));
  constexpr absl::Duration kTimeout = absl::Milliseconds(300);
  const absl::Time longer = absl::Now() + kInterval + kTimeout * 1.5;
  TestService::Stub stub = NewStub(kTimeout);
  std::future<absl::StatusOr<Text>> reply = Echo(stub);
  RawPeer server = Accept(listener);
  while (absl::Now() < longer) {
    std::optional<ReadFrame> ping = server.ReadType(RawFrame::kPing);
    ASSERT_TRUE(ping.has_value());
    ASSERT_TRUE(server.Send(
        RawFrame{.type = RawFrame::kPong, .argument = ping->frame.argument}));
  }
  ASSERT_TRUE(server.Send(ReplyFrame(1, "")));
  const absl::Status status = reply.get().status();
  EXPECT_TRUE(status.ok()) << status;
  // Perhaps one last ping, and then no more: nobody reads the pongs.
  while (server.Readable()) {
    EXPECT_EQ(server.Read()->frame.type, RawFrame::kPing);
  }
  absl::SleepFor(kInterval * 5);
  EXPECT_FALSE(server.Readable());
}

TEST_P(KeepAliveTest, AHandlerThatBlocksIsNoServerThatHangs) {
  static constexpr absl::Duration kTimeout = absl::Milliseconds(500);
  class SlowService final : public TestService::Service {
   public:
    absl::Status Echo(ServerContext&, const Text&, Text&) override {
      absl::SleepFor(kTimeout * 1.5);
      return absl::OkStatus();
    }
  };
  SlowService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir_.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  const absl::Status status = Echo(NewStub(kTimeout)).get().status();
  EXPECT_TRUE(status.ok()) << status;
  server.Shutdown();
  server.Wait();
}

TEST_P(KeepAliveTest, APongThatWaitsToBeReadIsASignOfLife) {
  RawListener listener(dir_.file("socket"));
  constexpr absl::Duration kTimeout = absl::Milliseconds(400);
  TestService::Stub stub = NewStub(kTimeout);
  std::stop_source stop;
  std::future<absl::StatusOr<Text>> unanswered =
      Echo(stub, {.cancellation = stop.get_token()});
  RawPeer server = Accept(listener);
  EXPECT_TRUE(server.ReadType(RawFrame::kPing).has_value());
  stop.request_stop();
  EXPECT_TRUE(server.ReadType(RawFrame::kCancel).has_value());
  EXPECT_EQ(unanswered.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(server.Send(RawFrame{.type = RawFrame::kPong}));
  absl::SleepFor(kTimeout * 1.25);  // of blocking calls, nobody reads
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
