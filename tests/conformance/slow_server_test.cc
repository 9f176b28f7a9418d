// A server that reads late: what a blocking client has begun to send arrives,
// although nobody calls meanwhile.

#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "tests/conformance/attacked_channel.h"
#include "tests/support/clocked_client.h"

namespace fdrpc::testing {
namespace {

// More than a socket holds, and than a piece.
constexpr size_t kLarge = 3u << 20;

class SlowServerTest : public AttackedChannel {
 protected:
  static Text Large() {
    Text text;
    text.set_data(std::string(kLarge, 'x'));
    return text;
  }
  // A connection whose hello the client has read, so that it knows what it may
  // send.
  RawPeer Greeted(const RawHello& hello = {}) {
    auto greeting = Echo();
    RawPeer server = Accept(hello);
    EXPECT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
    EXPECT_TRUE(server.Send(ReplyFrame(1, "")));
    EXPECT_TRUE(greeting.get().ok());
    return server;
  }
  // Reads the messages of a call up to the last piece of the first one.
  static size_t ReadMessage(RawPeer& server) {
    size_t bytes = 0;
    while (true) {
      std::optional<ReadFrame> piece = server.Read();
      if (!piece.has_value()) return bytes;
      if ((piece->frame.flags & RawFrame::kHasMessage) == 0) continue;
      bytes += piece->frame.payload.size();
      if ((piece->frame.flags & RawFrame::kMore) == 0) return bytes;
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Over, SlowServerTest, kAllSchemes, SchemeName);

TEST_P(SlowServerTest, AWriteReturnsWhenTheMessageHasGone) {
  RawPeer server = Greeted({.initial_credit_bytes = 8u << 20});
  auto written = std::async(std::launch::async, [stub = stub_] {
    auto collect = stub.Collect();
    const bool taken = collect.Write(Large());
    // Nothing more is sent on the stream, which the server is to end.
    return std::pair(taken, std::move(collect));
  });
  EXPECT_GE(ReadMessage(server), kLarge);
  EXPECT_TRUE(written.get().first);
}

TEST_P(SlowServerTest, AStreamOfRepliesBeginsWhenItsRequestHasGone) {
  RawPeer server = Greeted();
  auto begun = std::async(std::launch::async,
                          [stub = stub_] { return stub.Watch(Large()); });
  EXPECT_GE(ReadMessage(server), kLarge);
  ASSERT_TRUE(server.Send(StatusFrame(2, 0, "")));
  EXPECT_TRUE(begun.get().Finish().ok());
}

TEST_P(SlowServerTest, AWriteThatIsBlockedEndsAtTheDeadline) {
  ClockedClient client;
  stub_ = TestService::Stub(client.NewChannel(address()));
  RawPeer server = Greeted({.initial_credit_bytes = 1u << 30});
  constexpr absl::Duration kTimeout = absl::Hours(1);
  absl::Status end;
  client.clock().AdvanceWhile(kTimeout, [&] {
    auto collect = stub_.Collect({.timeout = kTimeout});
    while (collect.Write(Large())) {
    }
    end = collect.Finish().status();
  });
  EXPECT_EQ(end.code(), Code::kDeadlineExceeded);
  stub_ = NewStub();
}

TEST_P(SlowServerTest, AWriteThatIsBlockedEndsWhenItIsCancelled) {
  RawPeer server = Greeted({.initial_credit_bytes = 1u << 30});
  std::promise<std::stop_source> stops;
  auto written = std::async(std::launch::async, [&, stub = stub_] {
    std::stop_source stop;
    auto collect = stub.Collect({.cancellation = stop.get_token()});
    stops.set_value(stop);
    while (collect.Write(Large())) {
    }
    return collect.Finish().status();
  });
  std::stop_source stop = stops.get_future().get();
  // Its first message is on its way, and cannot arrive.
  ASSERT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  stop.request_stop();
  EXPECT_EQ(written.get().code(), Code::kCancelled);
}

}  // namespace
}  // namespace fdrpc::testing
