// What clients of fdrpc capture may do, and what they may cost it.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/services/tool/running_capture.h"
#include "tests/support/child.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

TEST(CaptureLimitsTest, ClientsBeyondTheMostWait) {
  LiveServer live("unix:");
  live.Start();
  // Descriptors for one connection.
  RunningCapture capture(live.address(), "unix:", {}, "ulimit -n 79");
  absl::StatusOr<Channel> first = Channel::Connect(capture.address());
  ASSERT_TRUE(TestService::Stub(*first).Echo(Text()).ok());
  const Channel second = *Channel::Connect(capture.address());
  TestService::Stub stub(second);
  EXPECT_EQ(
      stub.Echo(Text(), {.timeout = absl::Milliseconds(50)}).status().code(),
      absl::StatusCode::kDeadlineExceeded);
  first = absl::CancelledError();
  EXPECT_TRUE(stub.Echo(Text()).ok());
}

TEST(CaptureLimitsTest, WhoPilesUpDescriptorsIsEnded) {
  LiveServer live("unix:");
  live.Start();
  RunningCapture capture(live.address(), "unix:", {}, "ulimit -n 1400");
  const Channel channel = *Channel::Connect(capture.address());
  TestService::Stub stub(channel);
  ASSERT_TRUE(stub.Echo(Text()).ok());
  // Frames that stay incomplete, with many descriptors each.
  const UniqueFd file = FileWith("");
  const std::vector<int> set(200, file.get());
  const RawFrame frame = {.type = RawFrame::kOpen,
                          .call = 1,
                          .flags = RawFrame::kHasMessage,
                          .descriptors = 200,
                          .argument = 1,
                          .length = 1000};
  std::vector<RawPeer> peers;
  for (int i = 0; i < 6; ++i) {
    RawPeer& peer = peers.emplace_back(RawPeer::Connect(capture.path()));
    peer.Send(RawHello().Bytes());
    peer.Send(frame.Bytes(), set);
    EXPECT_TRUE(stub.Echo(Text()).ok());
  }
  EXPECT_TRUE(peers[0].ReachesEnd());
  EXPECT_TRUE(stub.Echo(Text()).ok());
  EXPECT_THAT(capture.StopAndShow(),
              HasSubstr("end: the relay is short of descriptors"));
}

TEST(CaptureTurnsTest, NothingIsLeftBehindTheEndOfATurn) {
  LiveServer live("unix:");
  live.Start();
  RunningCapture capture(live.address(), "unix:");
  std::vector<RawPeer> peers;
  for (int i = 0; i < 20; ++i) {
    RawPeer& peer = peers.emplace_back(RawPeer::Connect(capture.path()));
    peer.Send(RawHello().Bytes() +
              MethodFrame(1, "fdrpc.testing.TestService/Put").Bytes());
    ASSERT_TRUE(peer.ReadType(RawFrame::kHello).has_value());
  }
  // All of it is there when the capture goes on reading, and the server answers
  // the last frame alone: nothing else wakes the capture. Behind each
  // descriptor is another frame, which arrives with it.
  const UniqueFd file = FileWith("");
  kill(capture.pid(), SIGSTOP);
  for (uint32_t calls = 1; calls <= peers.size(); ++calls) {
    for (uint32_t call = 1; call <= calls; ++call) {
      RawFrame open = OpenFrame(call, 1, "\x12\x02\x08\x01", 1);
      open.flags |= RawFrame::kOneWay;
      const RawFrame skipped = {.type = 0xf0};
      peers[calls - 1].Send(
          open.Bytes() + (call == calls ? PingFrame(call) : skipped).Bytes(),
          {file.get()});
    }
  }
  kill(capture.pid(), SIGCONT);
  for (RawPeer& peer : peers) {
    EXPECT_TRUE(peer.ReadType(RawFrame::kPong).has_value());
  }
}

TEST(CaptureUsersTest, OthersAreRefusedUnlessAllMayConnect) {
  if (geteuid() != 0) GTEST_SKIP() << "takes a second user";
  LiveServer live("unix:");
  live.Start();
  const auto call_as_other = [](const std::string& address) {
    return InChild([&] {
      BecomeUnprivileged();
      const absl::StatusOr<Channel> channel = Channel::Connect(address);
      return channel.ok() && TestService::Stub(*channel).Echo(TextOf("x")).ok()
                 ? 0
                 : 1;
    });
  };
  RunningCapture strict(live.address(), "unix:@");
  EXPECT_EQ(call_as_other(strict.address()), 1);
  EXPECT_THAT(strict.StopAndShow(), HasSubstr("is of another user"));
  RunningCapture open(live.address(), "unix:@", {"--all-users"});
  EXPECT_EQ(call_as_other(open.address()), 0);
}

TEST(CaptureUsersTest, OneOfTheOthersTakesNotEverything) {
  if (geteuid() != 0) GTEST_SKIP() << "takes a second user";
  LiveServer live("unix:");
  live.Start();
  // For 42 connections.
  RunningCapture capture(live.address(), "unix:@", {"--all-users"},
                         "ulimit -n 400");
  EXPECT_EQ(
      InChild([&] {
        BecomeUnprivileged();
        std::vector<Channel> served;
        for (int i = 0; i < 14; ++i) {
          const auto channel = Channel::Connect(capture.address());
          if (channel.ok() && TestService::Stub(*channel).Echo(Text()).ok()) {
            served.push_back(*channel);
          }
        }
        return static_cast<int>(served.size());
      }),
      10);
  EXPECT_THAT(capture.StopAndShow(),
              HasSubstr(" has 10 connections, the most of one other user"));
}

}  // namespace
}  // namespace fdrpc::testing
