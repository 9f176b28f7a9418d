// When servers and their connections begin and end: listeners that are handed
// over, idle servers, old connections.

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/server/stream_server.h"
#include "tests/support/fault_injection.h"
#include "tests/support/manual_clock.h"
#include "tests/support/on_clock.h"

namespace fdrpc::testing {
namespace {

// The server's time passes only where a test waits for it.
class ServerLifecycleTest : public StreamServer {
 protected:
  // The clock must outlive the server.
  void TearDown() override { server_.reset(); }

  std::unique_ptr<Server> NewServer(const ServerOptions& options) override {
    return OnClock::NewServer(options, clock_);
  }
  // Lets time pass until the server has ended.
  void AwaitServersEnd() {
    clock_.AdvanceWhile(kStep, [this] { server_->Wait(); });
  }
  void AwaitReadable(const RawPeer& peer) {
    clock_.AdvanceUntil(kStep,
                        [&](auto within) { return peer.Readable(within); });
  }
  // Drops the frames that come before.
  void AwaitEnd(RawPeer& peer) {
    do {
      AwaitReadable(peer);
    } while (peer.Read().has_value());
  }

  static constexpr absl::Duration kStep = absl::Milliseconds(20);
  ManualClock clock_;
};
FDRPC_IN_EACH_FORM(ServerLifecycleTest);

TEST_P(ServerLifecycleTest, ServesOnAListenerThatWasHandedOver) {
  Serve();
  absl::StatusOr<std::vector<UniqueFd>> handed_over = server_->HandOver();
  ASSERT_TRUE(handed_over.ok()) << handed_over.status();
  ASSERT_EQ(handed_over->size(), 1u);
  Server successor;
  successor.AddService(*service_);
  ASSERT_TRUE(successor
                  .Listen(std::move(handed_over->front()),
                          Server::SocketFile::kIsRemovedAtTheEnd)
                  .ok());
  server_->Shutdown();
  server_->Wait();
  EXPECT_EQ(access(dir_.file("socket").c_str(), F_OK), 0);
  // It waits in the queue, and sends its hello to this server.
  RawPeer waiting = RawPeer::Connect(dir_.file("socket"));
  ASSERT_TRUE(successor.Start().ok());
  EXPECT_TRUE(waiting.ReadType(RawFrame::kHello).has_value());
  StreamClient client = NewClient();
  client.Open(1, kEcho, "served");
  EXPECT_EQ(client.ReadEnd(1), kOk);
  successor.Shutdown();
  successor.Wait();
  EXPECT_NE(access(dir_.file("socket").c_str(), F_OK), 0);
}

TEST_P(ServerLifecycleTest, HandsNothingOverOnceItHasShutDown) {
  Serve();
  server_->Shutdown();
  server_->Wait();
  EXPECT_EQ(server_->HandOver().status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_P(ServerLifecycleTest, EndsByItselfOnceItIsIdle) {
  Listen({.idle_timeout = absl::Milliseconds(20)});
  RawPeer client = RawPeer::Connect(dir_.file("socket"));
  ASSERT_TRUE(server_->Start().ok());
  AwaitServersEnd();
  EXPECT_TRUE(client.ReachesEnd());
  EXPECT_NE(access(dir_.file("socket").c_str(), F_OK), 0);
}

TEST_P(ServerLifecycleTest, IsNotIdleWhileACallIsInProgress) {
  Listen({.idle_timeout = absl::Milliseconds(200)});
  // The call arrives before the server looks.
  RawPeer client = RawPeer::Connect(dir_.file("socket"));
  ASSERT_TRUE(client.Send(RawHello().Frame()));
  ASSERT_TRUE(client.Send(
      MethodFrame(1, std::string(service_->full_name()) + "/Chat")));
  ASSERT_TRUE(client.Send({.type = RawFrame::kOpen, .call = 1, .argument = 1}));
  ASSERT_TRUE(server_->Start().ok());
  // Far more time than the server would need to find that it is idle.
  for (int i = 0; i < 30; ++i) {
    clock_.Advance(kStep);
    ASSERT_TRUE(client.Send({.type = RawFrame::kMessage,
                             .call = 1,
                             .flags = RawFrame::kHasMessage}));
    ASSERT_TRUE(client.ReadType(RawFrame::kMessage).has_value());
  }
  ASSERT_TRUE(client.Send(
      {.type = RawFrame::kMessage, .call = 1, .flags = RawFrame::kHalfClose}));
  EXPECT_EQ(client.ReadStatus(1).code, kOk);
  AwaitServersEnd();
}

TEST_P(ServerLifecycleTest, AsksForANewConnectionWhenOneIsOld) {
  Serve({.max_connection_age = absl::Milliseconds(200)});
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  AwaitReadable(client.peer());
  EXPECT_EQ(client.ReadGoAway(), 0xffffffff);
  // The call and the server continue.
  client.Write(1, "on");
  EXPECT_EQ(client.ReadText(1), "on");
  StreamClient another = NewClient();
  another.Open(1, kEcho, "served");
  EXPECT_EQ(another.ReadEnd(1), kOk);
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  AwaitEnd(client.peer());
}

TEST_P(ServerLifecycleTest, EndsCallsWhenTheGraceOfAnOldConnectionIsOver) {
  Serve({.max_connection_age = absl::Milliseconds(200),
         .max_connection_age_grace = absl::Milliseconds(20)});
  StreamClient client = NewClient();
  client.Open(1, kChat);
  AwaitEnd(client.peer());
  EXPECT_EQ(log().Next(), "read 0, wrote 0, cancelled");
}

TEST_P(ServerLifecycleTest, EndsConnectionsThatAreIdleAndKeepsOthers) {
  Serve({.max_connection_idle = absl::Milliseconds(200)});
  StreamClient busy = NewClient();
  busy.Open(1, kChat);
  busy.Write(1, "begun");
  EXPECT_EQ(busy.ReadText(1), "begun");
  const FaultInjection counting(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  // Each takes at least as long as the other one may be idle.
  StreamClient idle = NewClient();
  AwaitReadable(idle.peer());
  EXPECT_EQ(idle.ReadGoAway(), 0xffffffff);
  AwaitEnd(idle.peer());
  StreamClient after_a_call = NewClient();
  after_a_call.Open(1, kEcho, "served");
  AwaitEnd(after_a_call.peer());
  EXPECT_LT(counting.CountOf("epoll_wait"), 300u) << "the server spins";
  busy.Write(1, "on");
  EXPECT_EQ(busy.ReadText(1), "on");
  busy.HalfClose(1);
  EXPECT_EQ(busy.ReadEnd(1), kOk);
  AwaitEnd(busy.peer());
}

}  // namespace
}  // namespace fdrpc::testing
