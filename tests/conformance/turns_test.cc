// Small calls together with large ones, to a peer that reads late: their frames
// take turns.

#include <atomic>
#include <future>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/sanitizers.h"
#include "tests/conformance/attacked_channel.h"
#include "tests/conformance/attacked_server.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

// Some dozens of pieces.
constexpr size_t kTurnsBytes = 32u << 20;
// For some hundreds of MiB, under a sanitizer on a busy machine.
constexpr absl::Duration kForAllBytes = absl::Minutes(2);
// Of a large message: the pieces that a socket or its flight holds, and one
// that has its turn.
constexpr int kMostBefore = 24;

// Reads up to the frame that ends the requests, or the reply, of `calls` calls.
// Returns how many large frames of other calls arrived.
int ReadToEnds(RawPeer& peer, size_t calls, uint32_t first_call) {
  int large = 0;
  while (calls > 0) {
    const std::optional<ReadFrame> read = peer.Read();
    if (!read.has_value()) {
      ADD_FAILURE() << "the other side leaves";
      return large;
    }
    const RawFrame& frame = read->frame;
    if (frame.payload.size() > 100'000) ++large;
    const bool ends = frame.type == RawFrame::kStatus ||
                      (frame.flags & RawFrame::kHalfClose) != 0;
    if (!ends || frame.type == RawFrame::kMethod) continue;
    EXPECT_GE(frame.call, first_call) << "a large one ends first";
    --calls;
  }
  return large;
}

class ClientTurnsTest : public AttackedChannel {
 protected:
  void SetUp() override { stub_ = NewStub({.loop = loop_.loop()}); }
  void TearDown() override { stub_ = NewStub(); }

  static Text Large() {
    Text text;
    text.set_data(std::string(kTurnsBytes, 'x'));
    return text;
  }
  // A connection whose hello the client has read, with one call made.
  RawPeer Greeted() {
    auto greeting = Echo();
    RawPeer server = Accept({.initial_credit_bytes = 1u << 30});
    EXPECT_TRUE(server.Send(ReplyFrame(ReadCall(server), "")));
    EXPECT_TRUE(greeting.get().ok());
    return server;
  }
  // A call whose frames are queued when this returns.
  std::future<absl::Status> Start(const Text& request) {
    auto ended = std::make_shared<std::promise<absl::Status>>();
    std::future<absl::Status> future = ended->get_future();
    stub_.async().Echo(request, {.timeout = kForAllBytes},
                       [ended](absl::StatusOr<Text> reply) {
                         ended->set_value(reply.status());
                       });
    return future;
  }
  // Ends the calls from `first` to `last`.
  static void Answer(RawPeer& server, uint32_t first, uint32_t last) {
    for (uint32_t call = first; call <= last; ++call) {
      ASSERT_TRUE(server.Send(ReplyFrame(call, "")));
    }
  }

  RunningLoop loop_;
};
INSTANTIATE_TEST_SUITE_P(Over, ClientTurnsTest, kAllSchemes, SchemeName);

TEST_P(ClientTurnsTest, SmallCallsGoBeforeALargeOneHasGone) {
  RawPeer server = Greeted();
  std::vector<std::future<absl::Status>> ended;
  ended.push_back(Start(Large()));
  for (int i = 0; i < 3; ++i) ended.push_back(Start(Numbered(i)));
  EXPECT_LE(ReadToEnds(server, 3, 3), kMostBefore);
  EXPECT_GE(ReadToEnds(server, 1, 2), kMostBefore);
  Answer(server, 2, 5);
  for (auto& each : ended) EXPECT_TRUE(each.get().ok());
}

TEST_P(ClientTurnsTest, HoweverManyLargeOnesWait) {
  RawPeer server = Greeted();
  // More than may be queued. The thread sanitizer checks each of their bytes.
  constexpr uint32_t kCalls = kThreadSanitizer ? 5 : 8;
  std::vector<std::future<absl::Status>> ended;
  const Text large = Large();
  for (uint32_t i = 0; i < kCalls; ++i) ended.push_back(Start(large));
  ended.push_back(Start(Numbered(1)));
  // Of each queued call, the open frame does not wait for a turn.
  EXPECT_LE(ReadToEnds(server, 1, 3), kMostBefore + 4);
  ReadToEnds(server, kCalls, 2);
  Answer(server, 2, kCalls + 2);
  for (auto& each : ended) EXPECT_TRUE(each.get().ok());
}

TEST_P(ClientTurnsTest, SmallCallsGoBetweenTheMessagesOfAThreadThatBlocks) {
  RawPeer server = Greeted();
  auto written = std::async(std::launch::async, [stub = stub_] {
    auto collect = stub.Collect({.timeout = kForAllBytes});
    for (int i = 0; i < 3; ++i) {
      if (!collect.Write(Large())) break;
    }
    return collect.Finish().status();
  });
  // All of the first message is queued once its first piece has arrived.
  ASSERT_EQ(ReadCall(server), 2u);
  ASSERT_TRUE(server.ReadType(RawFrame::kMessage).has_value());
  std::future<absl::Status> small = Start(Numbered(1));
  EXPECT_LE(ReadToEnds(server, 1, 3), kMostBefore);
  Answer(server, 3, 3);
  EXPECT_TRUE(small.get().ok());
  ReadToEnds(server, 1, 2);
  Answer(server, 2, 2);
  EXPECT_TRUE(written.get().ok());
}

TEST_P(ClientTurnsTest, ACallThatIsCancelledLeavesOthersTheirTurns) {
  RawPeer server = Greeted();
  auto call = stub_.async().Collect();
  call.Write(Large(), [](bool) {});
  std::future<absl::Status> other = Start(Large());
  std::future<absl::Status> small = Start(Numbered(1));
  call.Cancel();
  EXPECT_LE(ReadToEnds(server, 1, 4), kMostBefore);
  ReadToEnds(server, 1, 3);
  Answer(server, 3, 4);
  EXPECT_TRUE(other.get().ok());
  EXPECT_TRUE(small.get().ok());
}

class ServerTurnsTest : public AttackedServer {
 protected:
  // Replies of the requested size.
  void ServeReplies(int max_threads) {
    service_.echo = [this](ServerContext&, const Text& request, Text& reply) {
      reply.set_data(std::string(static_cast<size_t>(request.number()), 'x'));
      reply.set_text(request.text());
      ++begun_;
      return absl::OkStatus();
    };
    Serve({.max_threads = max_threads});
  }
  // Until the server has looked at what `client` sent, and has served others
  // often.
  void ServeOthers() {
    RawPeer other = NewClient();
    for (uint32_t call = 1; call <= 300; ++call) ExpectLives(other, call);
    begun_ -= 300;
  }

  std::atomic<int> begun_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Over, ServerTurnsTest, kAllSchemes, SchemeName);

TEST_P(ServerTurnsTest, SmallRepliesGoBeforeALargeOneHasGone) {
  ServeReplies(/*max_threads=*/64);
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("", kTurnsBytes))));
  while (begun_ < 1) std::this_thread::yield();
  // That call's reply fills the socket.
  ASSERT_TRUE(client.ReadType(RawFrame::kMessage).has_value());
  for (uint32_t call = 2; call <= 4; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kEcho, TextBytes("", 1))));
  }
  ServeOthers();
  EXPECT_EQ(begun_, 4) << "the large reply does not keep others out";
  EXPECT_LE(ReadToEnds(client, 3, 2), kMostBefore);
  EXPECT_GE(ReadToEnds(client, 1, 1), kMostBefore - 1);
}

TEST_P(ServerTurnsTest, LargeRepliesThatAreNotReadAreFew) {
  ServeReplies(/*max_threads=*/2);
  RawPeer client = NewClient();
  constexpr uint32_t kCalls = 40;
  for (uint32_t call = 1; call <= kCalls; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kEcho, TextBytes("", 4 << 20))));
  }
  ServeOthers();
  // Those that may be queued, those in the socket, and one for each thread.
  EXPECT_LE(begun_, 4 + 4 + 2);
  ReadToEnds(client, kCalls, 1);
  EXPECT_EQ(begun_, static_cast<int>(kCalls));
}

}  // namespace
}  // namespace fdrpc::testing
