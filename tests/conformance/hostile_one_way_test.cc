// Clients that misuse one-way calls.

#include <latch>
#include <optional>

#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

class HostileOneWayTest : public AttackedServer {
 protected:
  static RawFrame OneWay(uint32_t call, uint32_t method,
                         const std::string& message,
                         uint8_t flags = kOneWayWhole) {
    RawFrame open = OpenFrame(call, method, message);
    open.flags = flags;
    return open;
  }
  // The server drops a call of that frame, counts it, and continues.
  void ExpectDropped(RawFrame open, const std::vector<int>& fds = {}) {
    const ServerStatistics before = server_->statistics();
    RawPeer client = NewClient();
    open.descriptors = static_cast<uint16_t>(fds.size());
    ASSERT_TRUE(client.Send(open, fds));
    // The next frame from the server is for the next call.
    ASSERT_TRUE(
        client.Send(OpenFrame(open.call + 1, kEcho, TextBytes("alive"))));
    const std::optional<ReadFrame> next = client.Read();
    ASSERT_TRUE(next.has_value());
    EXPECT_EQ(next->frame.call, open.call + 1);
    const ServerStatistics now = server_->statistics();
    EXPECT_EQ(now.one_way_calls, before.one_way_calls + 1);
    EXPECT_EQ(now.one_way_errors, before.one_way_errors + 1);
  }

  // For the handler, for which nobody waits.
  std::latch served_{1};
};

INSTANTIATE_TEST_SUITE_P(Over, HostileOneWayTest, kAllSchemes, SchemeName);

TEST_P(HostileOneWayTest, OfAStreamIsDroppedAndCounted) {
  Serve();
  ExpectDropped(OneWay(1, kWatch, TextBytes("x")));
  ExpectDropped(OneWay(1, kWatch, "", RawFrame::kOneWay));
}

TEST_P(HostileOneWayTest, OfAMethodThatIsNotThereIsDroppedAndCounted) {
  Serve();
  const ServerStatistics before = server_->statistics();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(MethodFrame(6, "fdrpc.testing.None/None")));
  ASSERT_TRUE(client.Send(OneWay(1, 6, "bytes")));
  ExpectLives(client, 2);
  EXPECT_EQ(server_->statistics().one_way_errors, before.one_way_errors + 1);
}

TEST_P(HostileOneWayTest, DescriptorsThatItsTypeHasNotAreClosed) {
  Serve();
  ExpectDropped(OneWay(1, kEcho, TextBytes("x")), Fds(3));
}

TEST_P(HostileOneWayTest, WithoutAMessageIsDropped) {
  Serve();
  ExpectDropped(OneWay(1, kEcho, "", RawFrame::kOneWay | RawFrame::kHalfClose));
}

TEST_P(HostileOneWayTest, TheFlagOnOtherFramesPoisons) {
  Serve();
  RawFrame message = {.type = RawFrame::kMessage,
                      .call = 1,
                      .flags = RawFrame::kOneWay | RawFrame::kHasMessage};
  RawFrame open = OpenFrame(1, kEcho, "");
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  ExpectPoisons(open.Bytes() + message.Bytes());
}

TEST_P(HostileOneWayTest, ACancelCountsOnlyBeforeTheRequestIsComplete) {
  service_.echo = [&](ServerContext& context, const Text& request,
                      Text& reply) {
    reply = request;
    if (request.text() != "whole") return absl::OkStatus();
    EXPECT_FALSE(context.IsCancelled());
    served_.count_down();
    return absl::OkStatus();
  };
  Serve();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OneWay(1, kEcho, TextBytes("whole")).Bytes() +
                          CancelFrame(1).Bytes()));
  served_.wait();
  ASSERT_TRUE(client.Send(
      OneWay(2, kEcho, "part",
             RawFrame::kOneWay | RawFrame::kHasMessage | RawFrame::kMore)
          .Bytes() +
      CancelFrame(2).Bytes()));
  ExpectLives(client, 3);
  EXPECT_EQ(server_->statistics().one_way_errors, 1u);
}

TEST_P(HostileOneWayTest, ConnectionsThatComeAndGoLeaveNoMoreThanTheLimit) {
  constexpr int kLimit = 4;
  HoldHandlers();
  Serve({.max_connections = kLimit});
  for (int i = 0; i < kLimit; ++i) LeaveACallBehind(kOneWayWhole);
  RawPeer refused = NewPeer();
  EXPECT_TRUE(refused.ReachesEnd());
  released_.count_down();
  while (true) {
    RawPeer client = NewPeer();
    if (client.Send(Greeting()) && client.ReadType(RawFrame::kHello)) break;
  }
  // With so few connections, not even the last one may linger.
  server_.reset();
}

}  // namespace
}  // namespace fdrpc::testing
