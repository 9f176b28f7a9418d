// A thousand streams at once on one connection: some are cancelled, some have
// too short a deadline, some are read slowly, some have descriptors. Most
// useful under the thread sanitizer.

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "base/sanitizers.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/calls/link.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

class EchoingService final : public TestService::CoService {
 public:
  Task<absl::Status> Echo(ServerContext&, const Text& request,
                          Text& reply) override {
    reply = request;
    co_return absl::OkStatus();
  }
  Task<absl::Status> Watch(ServerContext&, const Text& request,
                           CoServerWriter<Text>& replies) override {
    Text reply;
    for (int i = 0; i < request.number(); ++i) {
      reply.set_number(i);
      if (!co_await replies.Write(reply)) break;
    }
    co_return absl::OkStatus();
  }
  Task<absl::Status> Chat(ServerContext&,
                          CoServerStream<Text, Text>& stream) override {
    while (std::optional<Text> message = co_await stream.Read()) {
      if (!co_await stream.Write(*message)) break;
    }
    co_return absl::OkStatus();
  }
  Task<absl::Status> ExchangeAll(
      ServerContext&,
      CoServerStream<Parcel<Files>, Parcel<Files>>& stream) override {
    while (std::optional<Parcel<Files>> request = co_await stream.Read()) {
      Parcel<Files> reply;
      reply.set_first(request->take_first());
      if (!co_await stream.Write(std::move(reply))) break;
    }
    co_return absl::OkStatus();
  }
};

// The results of the streams.
struct Tally {
  explicit Tally(int streams) : left(streams) {}

  void Add(const absl::Status& status) {
    switch (status.code()) {
      case absl::StatusCode::kOk:
        ++ok;
        break;
      case absl::StatusCode::kCancelled:
        ++cancelled;
        break;
      case absl::StatusCode::kDeadlineExceeded:
        ++late;
        break;
      default:
        ADD_FAILURE() << status;
    }
    left.count_down();
  }

  std::latch left;
  std::atomic<int> ok = 0, cancelled = 0, late = 0;
};

using Random = std::minstd_rand;

CallOptions RandomOptions(Random& random) {
  CallOptions options;
  if (random() % 4 == 0) {
    options.timeout = absl::Microseconds(1 + random() % 20000);
  }
  return options;
}

// Messages in both directions, possibly cancelled in between.
Task<absl::Status> Talk(TestService::Stub stub, Random random) {
  auto chat = stub.co().Chat(RandomOptions(random));
  const int messages = static_cast<int>(random() % 20);
  const int cancelled_at = static_cast<int>(random() % 60);
  for (int i = 0; i < messages; ++i) {
    if (i == cancelled_at) chat.Cancel();
    Text message;
    message.set_number(i);
    message.set_data(std::string(random() % 3000, 'x'));
    if (!co_await chat.Write(message)) break;
    const std::optional<Text> reply = co_await chat.Read();
    if (!reply.has_value()) break;
    EXPECT_EQ(reply->number(), i);
    EXPECT_EQ(reply->data(), message.data());
  }
  co_return co_await chat.Finish();
}

// Reads slowly: makes other calls between the messages. Some stop half-way.
Task<absl::Status> ReadSlowly(TestService::Stub stub, Random random) {
  Text request;
  request.set_number(static_cast<int>(random() % 200));
  auto watch = stub.co().Watch(request, RandomOptions(random));
  const int stops_at = static_cast<int>(random() % 300);
  int next = 0;
  while (std::optional<Text> reply = co_await watch.Read()) {
    EXPECT_EQ(reply->number(), next);
    if (++next == stops_at) watch.Cancel();
    if (next % 32 == 0) {
      const absl::StatusOr<Text> other = co_await stub.co().Echo(Text());
      EXPECT_TRUE(other.ok()) << other.status();
    }
  }
  const absl::Status status = co_await watch.Finish();
  EXPECT_TRUE(!status.ok() || next == request.number());
  co_return status;
}

Task<absl::Status> ExchangeFiles(TestService::Stub stub, Random random) {
  auto exchange = stub.co().ExchangeAll(RandomOptions(random));
  const int messages = static_cast<int>(random() % 8);
  const int cancelled_at = static_cast<int>(random() % 20);
  for (int i = 0; i < messages; ++i) {
    if (i == cancelled_at) exchange.Cancel();
    const std::string content = std::to_string(random());
    Parcel<Files> request;
    request.set_first(FileWith(content));
    if (!co_await exchange.Write(std::move(request))) break;
    std::optional<Parcel<Files>> reply = co_await exchange.Read();
    if (!reply.has_value()) break;
    EXPECT_EQ(ReadRest(reply->take_first().get()), content);
  }
  co_return co_await exchange.Finish();
}

Task<void> OneStream(TestService::Stub stub, uint32_t seed, Tally& tally) {
  Random random(seed);
  absl::Status status;
  switch (random() % 3) {
    case 0:
      status = co_await Talk(stub, random);
      break;
    case 1:
      status = co_await ReadSlowly(stub, random);
      break;
    default:
      status = co_await ExchangeFiles(stub, random);
  }
  tally.Add(status);
}

class ManyStreamsTest : public ::testing::TestWithParam<Link::Kind> {};
INSTANTIATE_TEST_SUITE_P(Links, ManyStreamsTest,
                         ::testing::ValuesIn(Link::kAll),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(ManyStreamsTest, AThousandAtOnceLeaveNothingBehind) {
  constexpr int kStreams = 1000;
  EchoingService service;
  Server server;
  server.AddService(service);
  Link link(GetParam(), server);
  absl::StatusOr<Channel> channel = link.NewChannel();
  ASSERT_TRUE(channel.ok());
  ASSERT_TRUE(link.Open().ok());
  ASSERT_TRUE(server.Start().ok());
  TestService::Stub stub(*channel);
  // Makes the connection and the loop.
  EXPECT_TRUE(BlockOn([](TestService::Stub stub) -> Task<absl::Status> {
                co_return (co_await stub.co().Echo(Text())).status();
              }(stub))
                  .ok());
  const DescriptorCensus before = TakeCensus();
  Tally tally(kStreams);
  for (uint32_t seed = 1; seed <= kStreams; ++seed) {
    Spawn(OneStream(stub, seed, tally));
  }
  tally.left.wait();
  EXPECT_GT(tally.ok, kStreams / 4);
  EXPECT_GT(tally.cancelled, 0);
  EXPECT_EQ(TakeCensusExpecting(before), before);
  EXPECT_TRUE(stub.Echo(Text()).ok());
  server.Shutdown();
  server.Wait();
}

// concurrent_large_unary, with gRPC's sizes
TEST_P(ManyStreamsTest, AThousandLargeUnaryCallsAtOnce) {
  // The thread sanitizer checks each of their bytes.
  constexpr int kCalls = kThreadSanitizer ? 100 : 1000;
  class Growing final : public TestService::CoService {
    Task<absl::Status> Echo(ServerContext&, const Text& request,
                            Text& reply) override {
      EXPECT_EQ(request.data().size(), 271828u);
      reply.set_data(std::string(314159, 'y'));
      co_return absl::OkStatus();
    }
  } service;
  Server server;
  server.AddService(service);
  Link link(GetParam(), server);
  absl::StatusOr<Channel> channel = link.NewChannel();
  ASSERT_TRUE(channel.ok());
  ASSERT_TRUE(link.Open().ok());
  ASSERT_TRUE(server.Start().ok());
  Tally tally(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    Spawn([](TestService::Stub stub, Tally& tally) -> Task<void> {
      Text request;
      request.set_data(std::string(271828, 'x'));
      const absl::StatusOr<Text> reply = co_await stub.co().Echo(request);
      EXPECT_EQ(reply.ok() ? reply->data().size() : 0, 314159u);
      tally.Add(reply.status());
    }(TestService::Stub(*channel), tally));
  }
  tally.left.wait();
  EXPECT_EQ(tally.ok, kCalls);
  server.Shutdown();
  server.Wait();
}

// channel_soak: a new channel for every call
TEST_P(ManyStreamsTest, AThousandChannelsOneAfterTheOther) {
  EchoingService service;
  Server server;
  server.AddService(service);
  Link link(GetParam(), server);
  ASSERT_TRUE(link.Open().ok());
  // In process, a server serves once it has a channel.
  ASSERT_TRUE(link.NewChannel().ok());
  ASSERT_TRUE(server.Start().ok());
  const DescriptorCensus before = TakeCensus();
  for (int i = 0; i < 1000; ++i) {
    absl::StatusOr<Channel> channel = link.NewChannel();
    ASSERT_TRUE(channel.ok()) << channel.status();
    const absl::StatusOr<Text> reply = TestService::Stub(*channel).Echo(Text());
    ASSERT_TRUE(reply.ok()) << reply.status();
  }
  // What a test before this one has left to the loop's thread for a moment may
  // have been closed since.
  EXPECT_THAT(TakeCensusExpecting(before), ::testing::IsSubsetOf(before));
  server.Shutdown();
  server.Wait();
}

TEST_P(ManyStreamsTest, MoreThanTheServerTakesAtOnceWaitTheirTurn) {
  constexpr int kStreams = 200;
  EchoingService service;
  Server server({.max_calls_per_connection = 16});
  server.AddService(service);
  Link link(GetParam(), server);
  absl::StatusOr<Channel> channel = link.NewChannel();
  ASSERT_TRUE(channel.ok());
  ASSERT_TRUE(link.Open().ok());
  ASSERT_TRUE(server.Start().ok());
  TestService::Stub stub(*channel);
  Tally tally(kStreams);
  for (uint32_t seed = 1; seed <= kStreams; ++seed) {
    Spawn([](TestService::Stub stub, Tally& tally) -> Task<void> {
      auto chat = stub.co().Chat();
      co_await chat.Write(Text());
      co_await chat.Read();
      tally.Add(co_await chat.Finish());
    }(stub, tally));
  }
  tally.left.wait();
  EXPECT_EQ(tally.ok, kStreams);
  server.Shutdown();
  server.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
