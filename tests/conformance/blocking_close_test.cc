// Descriptors whose close(2) blocks for as long as the peer likes.

#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/conformance/attacked_channel.h"
#include "tests/conformance/attacked_server.h"
#include "tests/support/lingering_socket.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

class BlockingCloseTest : public AttackedServer {
 protected:
  // The server drops such a descriptor, which came in `open`, and continues to
  // serve.
  void ExpectServesWhileItCloses(RawFrame open) {
    Serve();
    auto [lingering, peer] = LingeringSocket();
    RawPeer client = NewClient();
    // The server has the descriptor, but not the end of its frame, when this
    // side closes its own: so the server's close is the last one, which blocks.
    const std::string bytes = open.Bytes();
    ASSERT_TRUE(
        client.Send(bytes.substr(0, bytes.size() - 1), {lingering.get()}));
    RawPeer other = NewClient();
    ExpectLives(other, 1);
    lingering.Reset();
    ASSERT_TRUE(client.Send(bytes.substr(bytes.size() - 1)));
    EXPECT_NE(client.ReadStatus(open.call).code, kOk);
    ExpectLives(other, 2);
    ExpectServes();
    // Unread data makes the close a reset, and so the server's close returns.
    peer.Reset();
  }
};
INSTANTIATE_TEST_SUITE_P(Over, BlockingCloseTest, kAllSchemes, SchemeName);

TEST_P(BlockingCloseTest, OfADescriptorForAnUnknownMethodHoldsUpNobody) {
  if (packets()) GTEST_SKIP() << kNoParts;
  RawFrame open = OpenFrame(1, kWatch, TextBytes("x"), 1);
  ExpectServesWhileItCloses(open);
}

TEST_P(BlockingCloseTest, OfADescriptorThatTheMethodDoesNotTakeHoldsUpNobody) {
  if (packets()) GTEST_SKIP() << kNoParts;
  ExpectServesWhileItCloses(OpenFrame(1, kEcho, TextBytes("x"), 1));
}

// Half a frame, and then the client leaves: the server has the descriptor, the
// rest is in its socket's queue.
TEST_P(BlockingCloseTest, OfWhatAClientLeftBehindHoldsUpNobody) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  std::vector<UniqueFd> peers;
  for (int i = 0; i < 20; ++i) {
    RawPeer client = NewClient();
    std::string bytes = OpenFrame(1, kPut, FilesBytesTo(1), 1).Bytes();
    bytes.pop_back();
    auto [lingering, peer] = LingeringSocket();
    ASSERT_TRUE(client.Send(bytes, {lingering.get()}));
    peers.push_back(std::move(peer));
  }
  ExpectServes();
  RawPeer other = NewClient();
  ExpectLives(other, 1);
  ExpectServes();
  peers.clear();
}

// More than the server has threads, for handlers or for closing.
TEST_P(BlockingCloseTest, OfRequestsThatNobodyTakesHoldsUpNobody) {
  Serve({.max_threads = 4});
  std::promise<void> all_sent;
  service_.put = [sent = all_sent.get_future().share()](ServerContext&,
                                                        Parcel<Files>&, Text&) {
    sent.wait();
    return absl::OkStatus();
  };
  RawPeer client = NewClient();
  std::vector<UniqueFd> peers;
  for (uint32_t call = 1; call <= 80; ++call) {
    auto [lingering, peer] = LingeringSocket();
    peers.push_back(std::move(peer));
    ASSERT_TRUE(client.Send(OpenFrame(call, kPut, FilesBytesTo(1), 1),
                            {lingering.get()}));
  }
  all_sent.set_value();
  for (int i = 0; i < 80; ++i) {
    ASSERT_TRUE(client.ReadType(RawFrame::kStatus).has_value());
  }
  ExpectLives(client, 81);
  ExpectServes();
  peers.clear();
}

// Requests whose descriptors are on their way back when the call ends.
TEST_P(BlockingCloseTest, OfRepliesThatNobodyWaitsForHoldsUpNobody) {
  Serve({.max_threads = 4});
  std::promise<void> all_sent;
  service_.exchange = [sent = all_sent.get_future().share(),
                       normal = service_.exchange](ServerContext& context,
                                                   Parcel<Files>& request,
                                                   Parcel<Files>& reply) {
    if (request.has_first()) return normal(context, request, reply);
    reply.add_files(request.take_files(0));
    sent.wait();
    while (!context.IsCancelled()) std::this_thread::yield();
    return absl::OkStatus();
  };
  RawPeer client = NewClient();
  std::vector<UniqueFd> peers;
  constexpr uint32_t kCalls = 30;
  for (uint32_t call = 1; call <= kCalls; ++call) {
    auto [lingering, peer] = LingeringSocket();
    peers.push_back(std::move(peer));
    ASSERT_TRUE(client.Send(OpenFrame(call, kExchange, FilesBytesTo(1), 1),
                            {lingering.get()}));
  }
  all_sent.set_value();
  for (uint32_t call = 1; call <= kCalls; ++call) {
    ASSERT_TRUE(client.Send(CancelFrame(call)));
  }
  ExpectLives(client, kCalls + 1);
  ExpectServes();
  peers.clear();
}

class BlockingReplyTest : public AttackedChannel {};
INSTANTIATE_TEST_SUITE_P(Over, BlockingReplyTest, kAllSchemes, SchemeName);

TEST_P(BlockingReplyTest, ThatACallbackDropsHoldsUpNobody) {
  std::vector<UniqueFd> peers;
  RunningLoop loop;
  TestService::Stub stub = NewStub({.loop = loop.loop()});
  std::optional<RawPeer> server;
  for (int i = 0; i < 20; ++i) {
    std::promise<absl::StatusCode> code;
    // Closed here, too, so that the client's is the last one.
    std::promise<void> sent;
    stub.async().Get(Text(), {.timeout = kGiveUp},
                     [&](const absl::StatusOr<Parcel<Files>>& reply) {
                       sent.get_future().wait();
                       code.set_value(reply.status().code());
                     });
    if (i == 0) server.emplace(Accept());
    auto [lingering, peer] = LingeringSocket();
    peers.push_back(std::move(peer));
    ASSERT_TRUE(server->Send(ReplyFrame(ReadCall(*server), FilesBytes({1}), 1),
                             {lingering.get()}));
    lingering.Reset();
    sent.set_value();
    EXPECT_EQ(code.get_future().get(), absl::StatusCode::kOk);
  }
  // The same for the blocking form, with replies that cannot be used.
  std::future<absl::StatusOr<Text>> first = Echo();
  server.emplace(Accept());
  ASSERT_TRUE(server->Send(ReplyFrame(ReadCall(*server), TextBytes("x"))));
  EXPECT_TRUE(first.get().ok());
  for (int i = 0; i < 20 && !packets(); ++i) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    auto [lingering, peer] = LingeringSocket();
    peers.push_back(std::move(peer));
    const std::string bytes =
        ReplyFrame(ReadCall(*server), TextBytes("x"), 1).Bytes();
    ASSERT_TRUE(
        server->Send(bytes.substr(0, bytes.size() - 1), {lingering.get()}));
    lingering.Reset();
    ASSERT_TRUE(server->Send(bytes.substr(bytes.size() - 1)));
    EXPECT_EQ(reply.get().status().code(), absl::StatusCode::kInternal);
  }
  ExpectLives(*server);
  peers.clear();
}

}  // namespace
}  // namespace fdrpc::testing
