// Clients that send and do not read: what the server holds for them is limited,
// and others are served.

#include <malloc.h>
#include <poll.h>

#include <fstream>

#include "tests/conformance/attacked_server.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

class UnreadRepliesTest : public AttackedServer {
 protected:
  // Sends `frame`, with increasing call ids, until the server has taken none
  // for so long that another client was served many times. Returns how many
  // were sent.
  uint32_t SendUntilTheServerStops(RawPeer& client, RawFrame frame,
                                   const std::vector<int>& fds, uint32_t most) {
    RawPeer other = NewClient();
    uint32_t other_call = 0;
    uint32_t sent = 0;
    int refused = 0;
    while (sent < most && refused < 300) {
      if (frame.type == RawFrame::kOpen) frame.call = sent + 1;
      const std::string bytes = frame.Bytes();
      const ssize_t went = client.TrySend(bytes, fds);
      if (went < 0) {
        EXPECT_EQ(went, -EAGAIN);
        if (went != -EAGAIN) return sent;
        ++refused;
        ExpectLives(other, ++other_call);
        continue;
      }
      refused = 0;
      ++sent;
      // The rest of one that was sent in part.
      const std::string rest = bytes.substr(static_cast<size_t>(went));
      if (!rest.empty()) return sent;
    }
    EXPECT_EQ(refused, 300) << "the server reads on";
    return sent;
  }
  // A server that has stopped continues when its replies are read. It may
  // refuse some of so many calls, since the client did not respect its limit of
  // calls.
  static void ExpectGoesOn(RawPeer& client, uint32_t calls) {
    uint32_t served = 0;
    for (uint32_t call = 1; call <= calls; ++call) {
      const RawStatus status = client.ReadStatus();
      if (status.code == kOk) {
        ++served;
      } else {
        ASSERT_EQ(status.code, kResourceExhausted) << status.text;
        ASSERT_NE(status.text.find("calls in progress"), std::string::npos);
      }
    }
    EXPECT_GT(served, calls / 2);
  }
  static absl::Status ReplyAsLargeAsAsked(ServerContext&, const Text& request,
                                          Text& reply) {
    reply.set_data(std::string(static_cast<size_t>(request.number()), 'x'));
    reply.set_text(request.text());
    return absl::OkStatus();
  }
  // Without freed memory that the allocator keeps.
  static size_t ResidentBytes() {
    malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * 4096;
  }
};
INSTANTIATE_TEST_SUITE_P(Over, UnreadRepliesTest, kAllSchemes, SchemeName);

TEST_P(UnreadRepliesTest, LargeRepliesStopTheServerFromReading) {
  service_.echo = ReplyAsLargeAsAsked;
  Serve();
  const size_t before = ResidentBytes();
  RawPeer client = NewClient();
  const uint32_t sent = SendUntilTheServerStops(
      client, OpenFrame(0, kEcho, TextBytes("", 200'000)), {}, 100'000);
  EXPECT_GT(sent, 0u);
  EXPECT_LT(ResidentBytes(), before + (400u << 20));
  ExpectGoesOn(client, sent);
}

TEST_P(UnreadRepliesTest, RepliesWithDescriptorsAreBounded) {
  service_.put = [](ServerContext&, Parcel<Files>&, Text& reply) {
    reply.set_data(std::string(100'000, 'x'));
    return absl::OkStatus();
  };
  Serve();
  RawPeer client = NewClient();
  SendUntilTheServerStops(client, OpenFrame(0, kPut, FilesBytesTo(4), 4),
                          Fds(4), 100'000);
  // Requests that were served have closed theirs.
  EXPECT_LT(TakeCensus().size(), 5000u);
}

TEST_P(UnreadRepliesTest, DescriptorsOfRepliesAreBounded) {
  service_.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
    for (int i = 0; i < 4; ++i) reply.add_files(FileWith("x"));
    return absl::OkStatus();
  };
  constexpr size_t kThreads = 4;
  constexpr size_t kMost = 40;
  Serve({.max_threads = kThreads,
         .max_queued_descriptors_per_connection = kMost});
  const size_t before = TakeCensus().size();
  RawPeer client = NewClient();
  const uint32_t sent = SendUntilTheServerStops(
      client, OpenFrame(0, kGet, TextBytes("x")), {}, 100'000);
  // Each thread may have looked before the others' replies were queued. Two
  // connections are new.
  EXPECT_LE(TakeCensus().size(), before + kMost + 4 * (kThreads + 1) + 8);
  ExpectGoesOn(client, sent);
}

TEST_P(UnreadRepliesTest, AServerThatHasStoppedReadingSleeps) {
  service_.echo = ReplyAsLargeAsAsked;
  Serve();
  RawPeer client = NewClient();
  SendUntilTheServerStops(client, OpenFrame(0, kEcho, TextBytes("", 10'000)),
                          {}, 100'000);
  // How often the server looks at the socket in a while. In the first of them,
  // on a busy machine, handlers that had begun may still report.
  size_t looks = 0;
  for (int tries = 0; tries < 20; ++tries) {
    FaultInjection counts(
        [](std::string_view, size_t) { return FaultInjection::Fault(); });
    poll(nullptr, 0, 100);
    looks = counts.CountOf("epoll_wait");
    if (looks < 50) break;
  }
  EXPECT_LT(looks, 50u);
}

TEST_P(UnreadRepliesTest, RefusalsAreBounded) {
  Serve();
  const size_t before = ResidentBytes();
  RawPeer client = NewClient();
  ASSERT_TRUE(client.Send(MethodFrame(6, "no.such/Method")));
  SendUntilTheServerStops(client, OpenFrame(0, 6, ""), {}, 10'000'000);
  EXPECT_LT(ResidentBytes(), before + (100u << 20));
}

TEST_P(UnreadRepliesTest, AFloodOfPingsEnds) {
  Serve();
  const size_t before = ResidentBytes();
  RawPeer client = NewClient();
  RawPeer other = NewClient();
  const std::string pings = [] {
    std::string bytes;
    for (uint32_t i = 0; i < 1000; ++i) bytes += PingFrame(i).Bytes();
    return bytes;
  }();
  // The server either ends the connection or reads no more of it.
  size_t sent = 0;
  uint32_t call = 0;
  int refused = 0;
  while (refused < 300) {
    const ssize_t went = client.TrySend(pings);
    if (went == -EPIPE || went == -ECONNRESET) break;
    if (went < 0) {
      ASSERT_EQ(went, -EAGAIN);
      ++refused;
      ExpectLives(other, ++call);
      continue;
    }
    // A part of a ping would make the next one malformed.
    if (went % 16 != 0) break;
    refused = 0;
    sent += static_cast<size_t>(went);
    ASSERT_LT(sent, 100u << 20) << "the server answers without end";
  }
  EXPECT_LT(ResidentBytes(), before + (100u << 20));
}

TEST_P(UnreadRepliesTest, AFloodOfPingsWithItsPongsReadIsAnswered) {
  Serve();
  RawPeer client = NewClient();
  for (uint32_t round = 0; round < 20; ++round) {
    std::string pings;
    for (uint32_t i = 0; i < 500; ++i) pings += PingFrame(i).Bytes();
    ASSERT_TRUE(client.Send(pings));
    for (uint32_t i = 0; i < 500; ++i) {
      std::optional<ReadFrame> pong = client.ReadType(RawFrame::kPong);
      ASSERT_TRUE(pong.has_value());
      ASSERT_EQ(pong->frame.argument, i);
    }
  }
  ExpectLives(client, 1);
}

TEST_P(UnreadRepliesTest, AClientThatLeavesWithoutReadingReleasesAll) {
  service_.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
    for (int i = 0; i < 20; ++i) reply.add_files(FileWith("x"));
    reply->set_text(std::string(200'000, 'x'));
    return absl::OkStatus();
  };
  Serve();
  RawPeer client = NewClient();
  for (uint32_t call = 1; call <= 20; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kGet, TextBytes("x", 1))));
  }
  // One reply has begun to arrive.
  ASSERT_TRUE(client.Read().has_value());
}

TEST_P(UnreadRepliesTest, AServerShutsDownBesideAClientThatDoesNotRead) {
  Serve();
  RawPeer client = NewClient();
  Text large;
  large.set_data(std::string(900'000, 'x'));
  ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, large.SerializeAsString())));
  server_->Shutdown(absl::Hours(1));
  clock_.AdvanceWhile(absl::Hours(1), [this] { server_->Wait(); });
  server_.reset();
}

}  // namespace
}  // namespace fdrpc::testing
