// What servers make a channel hold is counted, is bounded, and comes to an end.

#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "tests/conformance/attacked_channel.h"
#include "tests/support/lingering_socket.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class HeldByServersTest : public AttackedChannel {
 protected:
  // Makes the channel, in a process that may have that many open files.
  void Connect(rlim_t open_files = 0) {
    rlimit former;
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
    if (open_files != 0) {
      const rlimit lowered = {.rlim_cur = open_files,
                              .rlim_max = former.rlim_max};
      ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
    }
    channel_ = *Channel::Connect(address());
    stub_ = TestService::Stub(*channel_);
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  }
  void AwaitThat(
      const std::function<bool(const ChannelStatistics&)>& condition) {
    const auto give_up =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition(channel_->statistics())) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up)
          << ::testing::PrintToString(channel_->statistics());
      std::this_thread::yield();
    }
  }
  void AwaitNothingHeld() {
    AwaitThat([](const ChannelStatistics& now) {
      return now.queued_bytes == 0 && now.queued_descriptors == 0 &&
             now.in_flight_descriptors == 0 && now.unread_descriptors == 0 &&
             now.closing_descriptors == 0;
    });
  }

  std::optional<Channel> channel_;
};
INSTANTIATE_TEST_SUITE_P(Over, HeldByServersTest, kAllSchemes, SchemeName);

TEST_P(HeldByServersTest, RequestsCountUntilTheyAreReceived) {
  Connect();
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  EXPECT_EQ(channel_->statistics().connections, 1u);
  AwaitNothingHeld();
  std::vector<std::future<absl::StatusOr<Text>>> calls;
  // More than one of them is too many for a socket. A third one is queued only
  // if the second is alone there.
  for (uint64_t queued : {0, 100, 200}) {
    calls.push_back(Put(100));
    AwaitThat([queued](const ChannelStatistics& now) {
      return now.in_flight_descriptors == 100 &&
             now.queued_descriptors == queued &&
             (now.queued_bytes > 0) == (queued > 0);
    });
  }
  for (auto& call : calls) {
    ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
    (void)call;
  }
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
  AwaitThat([](const ChannelStatistics& now) {
    return now.queued_descriptors == 0 && now.queued_bytes == 0;
  });
  server.Close();
  ExpectRecovers();
  AwaitNothingHeld();
}

TEST_P(HeldByServersTest, MessagesOfStreamsCountUntilTheyAreRead) {
  Connect();
  std::optional stream(stub_.GetAll(Text()));
  RawPeer server = Accept();
  const uint32_t all = ReadCall(server);
  std::future<absl::StatusOr<Text>> other = Echo();
  const uint32_t echo = ReadCall(server);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(server.Send({.type = RawFrame::kMessage,
                             .call = all,
                             .flags = RawFrame::kHasMessage,
                             .descriptors = 5,
                             .payload = FilesBytes({1, 2, 3, 4, 5})},
                            Fds(5)));
  }
  ASSERT_TRUE(server.Send(ReplyFrame(echo, TextBytes("x"))));
  ASSERT_TRUE(other.get().ok());
  for (uint64_t read = 0; read < 3; ++read) {
    EXPECT_EQ(channel_->statistics().unread_descriptors, (3 - read) * 5);
    EXPECT_TRUE(stream->Read().has_value());
  }
  EXPECT_EQ(channel_->statistics().unread_descriptors, 0u);
  // What a call that is given up has not read.
  ASSERT_TRUE(server.Send({.type = RawFrame::kMessage,
                           .call = all,
                           .flags = RawFrame::kHasMessage,
                           .descriptors = 1,
                           .payload = FilesBytes({1})},
                          Fds(1)));
  ExpectLives(server);
  EXPECT_EQ(channel_->statistics().unread_descriptors, 1u);
  stream.reset();
  AwaitNothingHeld();
}

// Whose close(2) blocks for as long as the server likes.
TEST_P(HeldByServersTest, DescriptorsThatWaitToBeClosedAreBounded) {
  if (packets()) GTEST_SKIP() << kNoParts;
  constexpr uint64_t kMost = 10;
  Connect(4 * kMost);
  std::vector<UniqueFd> peers;
  std::optional<RawPeer> server;
  const auto drops_one = [&] {
    std::future<absl::StatusOr<Text>> reply = Echo();
    if (!server.has_value()) server = Accept();
    auto [blocks, peer] = SocketWithALingeringOne();
    peers.push_back(std::move(peer));
    // Its method takes none.
    RawFrame status = ReplyFrame(ReadCall(*server), TextBytes("x"));
    status.descriptors = 1;
    // The channel does not close it before the frame is complete, and this
    // side does: so the channel's close is the last one, which blocks.
    const std::string bytes = status.Bytes();
    EXPECT_TRUE(
        server->Send(bytes.substr(0, bytes.size() - 1), {blocks.get()}));
    blocks.Reset();
    EXPECT_TRUE(server->Send(bytes.substr(bytes.size() - 1)));
    return reply.get().status();
  };
  for (uint64_t i = 1; i < kMost; ++i) {
    EXPECT_EQ(drops_one().code(), Code::kInternal);
    AwaitThat([i](const ChannelStatistics& now) {
      return now.closing_descriptors == i;
    });
  }
  (void)drops_one();
  EXPECT_TRUE(server->ReachesEnd());
  EXPECT_EQ(channel_->statistics().closing_descriptors, kMost);
  for (int i = 0; i < 2; ++i) {
    const absl::Status refused = Echo().get().status();
    EXPECT_EQ(refused.code(), Code::kResourceExhausted) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("wait to be closed"));
  }
  peers.clear();
  AwaitNothingHeld();
  ExpectRecovers();
}

}  // namespace
}  // namespace fdrpc::testing
