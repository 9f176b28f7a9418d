// How many writes are made for replies.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/server/stream_server.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

class ServerWritesTest : public StreamServer {
 protected:
  static std::string EchoBytes(uint32_t call) {
    return RawFrame{.type = RawFrame::kOpen,
                    .call = call,
                    .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
                    .argument = kEcho,
                    .payload = StreamClient::TextBytes("x")}
        .Bytes();
  }
};
FDRPC_IN_EACH_FORM(ServerWritesTest);

TEST_P(ServerWritesTest, RepliesToCallsThatCameTogetherAreWrittenTogether) {
  Serve({.max_threads = 4});
  StreamClient client = NewClient();
  constexpr size_t kCalls = 32;
  uint32_t call = 0;
  size_t fewest = kCalls;
  // If the machine takes the CPU away, the replies do not wait.
  for (int round = 0; round < 50; ++round) {
    std::string calls;
    for (size_t i = 0; i < kCalls; ++i) calls += EchoBytes(call + 1 + i);
    const FaultInjection counted(
        [](std::string_view, size_t) { return FaultInjection::Fault{}; });
    ASSERT_TRUE(client.peer().Send(calls));
    // In any order.
    for (size_t i = 0; i < kCalls; ++i) {
      const ReadFrame end = client.Read();
      EXPECT_EQ(end.frame.type, RawFrame::kStatus);
      EXPECT_EQ(end.frame.argument, kOk);
    }
    call += kCalls;
    fewest = std::min(fewest, counted.CountOf("sendmsg"));
  }
  EXPECT_GE(fewest, 1u);
  EXPECT_LE(fewest, kCalls / 2 + 1);
}

TEST_P(ServerWritesTest, AReplyThatNothingFollowsIsWrittenAtOnce) {
  Serve({.max_threads = 4});
  StreamClient client = NewClient();
  for (uint32_t call = 1; call <= 100; ++call) {
    const FaultInjection counted(
        [](std::string_view, size_t) { return FaultInjection::Fault{}; });
    ASSERT_TRUE(client.peer().Send(EchoBytes(call)));
    EXPECT_EQ(client.ReadEnd(call), kOk);
    EXPECT_EQ(counted.CountOf("sendmsg"), 1u);
  }
}

TEST_P(ServerWritesTest, AReplyIsNotKeptByAHandlerThatWaits) {
  Serve({.max_threads = 4});
  StreamClient client = NewClient();
  for (uint32_t call = 1; call < 100; call += 2) {
    // The second one waits for messages that arrive only after the first one's
    // reply.
    ASSERT_TRUE(client.peer().Send(
        EchoBytes(call) +
        RawFrame{.type = RawFrame::kOpen, .call = call + 1, .argument = kChat}
            .Bytes()));
    EXPECT_EQ(client.ReadEnd(call), kOk);
    client.Write(call + 1, "on");
    EXPECT_EQ(client.ReadText(call + 1), "on");
    client.HalfClose(call + 1);
    EXPECT_EQ(client.ReadEnd(call + 1), kOk);
  }
}

}  // namespace
}  // namespace fdrpc::testing
