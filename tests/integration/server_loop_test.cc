// Servers and channels in loops, through generated stubs.

#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/foreign_loop.h"
#include "tests/support/raw_peer.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

class ServerLoopCallsFixture : public ::testing::Test {
 protected:
  explicit ServerLoopCallsFixture(const std::string& scheme = "unix:")
      : address_(dir_.address("socket", scheme)) {}
  void Serve(Service& service, const Loop& loop) {
    server_.emplace();
    server_->AddService(service);
    ASSERT_TRUE(server_->Listen(address_).ok());
    ASSERT_TRUE(server_->Start(loop).ok());
  }
  TestService::Stub NewStub(ChannelOptions options = {}) {
    absl::StatusOr<Channel> channel = Channel::Connect(address_, options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_;
  FakeService service_;
  std::optional<Server> server_;
};

class ServerLoopCallsTest : public ServerLoopCallsFixture,
                            public ::testing::WithParamInterface<const char*> {
 protected:
  ServerLoopCallsTest() : ServerLoopCallsFixture(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(Over, ServerLoopCallsTest, kAllSchemes, SchemeName);

TEST_P(ServerLoopCallsTest, AHundredClientsCallAtOnce) {
  RunningLoop running;
  service_.echo = [&](ServerContext&, const Text& request, Text& reply) {
    EXPECT_EQ(std::this_thread::get_id(), running.thread());
    reply = request;
    return absl::OkStatus();
  };
  Serve(service_, running.loop());
  {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 100; ++i) {
      clients.emplace_back([this, i] {
        TestService::Stub stub = NewStub();
        for (int j = 0; j < 20; ++j) {
          const std::string text = std::to_string(i) + "." + std::to_string(j);
          absl::StatusOr<Text> reply = stub.Echo(TextOf(text));
          ASSERT_TRUE(reply.ok()) << reply.status();
          EXPECT_EQ(reply->text(), text);
        }
      });
    }
  }
  server_.reset();
}

TEST_P(ServerLoopCallsTest, AClientAndItsServerShareAThread) {
  Loop loop = NewLoop();
  ForeignLoop foreign(loop);
  Serve(service_, loop);
  TestService::Stub stub = NewStub({.loop = loop});
  constexpr int kCalls = 100;
  int replies = 0;
  for (int i = 0; i < kCalls; ++i) {
    stub.async().Echo(TextOf("hello"), {}, [&](absl::StatusOr<Text> reply) {
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(reply->text(), "hello");
      ++replies;
    });
  }
  EXPECT_LT(foreign.RunUntil([&] { return replies == kCalls; }), kCalls);
}

TEST_P(ServerLoopCallsTest, AnIdlePairOfAClientAndAServerTakesFewRounds) {
  Loop loop = NewLoop();
  ForeignLoop foreign(loop);
  // Keeps the call until its deadline.
  class Keeping final : public TestService::AsyncService {
   public:
    void Echo(AsyncServerUnary<Text, Text> call) override {
      kept.emplace(std::move(call));
    }
    std::optional<AsyncServerUnary<Text, Text>> kept;
  } keeping;
  Serve(keeping, loop);
  TestService::Stub stub = NewStub({.loop = loop});
  std::optional<absl::StatusOr<Text>> reply;
  // By the kernel's time, in which the foreign loop sleeps.
  stub.async().Echo(TextOf("hello"), {.timeout = absl::Milliseconds(30)},
                    [&](absl::StatusOr<Text> answer) { reply = answer; });
  // If a loop spun there, there would be thousands.
  EXPECT_LE(foreign.RunUntil([&] { return reply.has_value(); }), 20);
  EXPECT_EQ(reply->status().code(), absl::StatusCode::kDeadlineExceeded);
  keeping.kept.reset();
}

// Handlers that get their replies from another server, on the same loop.
class AsyncFront final : public TestService::AsyncService {
 public:
  explicit AsyncFront(TestService::Stub back) : back_(std::move(back)) {}
  void Echo(AsyncServerUnary<Text, Text> call) override {
    back_.async().Echo(call.request(), {},
                       [call](absl::StatusOr<Text> reply) mutable {
                         if (!reply.ok()) return call.Finish(reply.status());
                         call.Finish(*std::move(reply));
                       });
  }

 private:
  TestService::Stub back_;
};

class CoFront final : public TestService::CoService {
 public:
  explicit CoFront(TestService::Stub back) : back_(std::move(back)) {}
  Task<absl::Status> Echo(ServerContext& context, const Text& request,
                          Text& reply) override {
    absl::StatusOr<Text> got =
        co_await back_.co().Echo(request, {.parent = &context});
    if (!got.ok()) co_return got.status();
    reply = *std::move(got);
    co_return absl::OkStatus();
  }

 private:
  TestService::Stub back_;
};

template <typename Front>
class HandlersThatCallTest : public ServerLoopCallsFixture {};
using Fronts = ::testing::Types<AsyncFront, CoFront>;
TYPED_TEST_SUITE(HandlersThatCallTest, Fronts);

TYPED_TEST(HandlersThatCallTest, ThroughAChannelOfTheirLoop) {
  RunningLoop running;
  this->Serve(this->service_, running.loop());
  {
    TempDir dir;
    TypeParam service(this->NewStub({.loop = running.loop()}));
    Server front;
    front.AddService(service);
    ASSERT_TRUE(front.Listen(dir.address()).ok());
    ASSERT_TRUE(front.Start(running.loop()).ok());
    absl::StatusOr<Channel> channel = Channel::Connect(dir.address());
    ASSERT_TRUE(channel.ok());
    TestService::Stub stub(*channel);
    for (int i = 0; i < 50; ++i) {
      absl::StatusOr<Text> reply = stub.Echo(TextOf("hello"));
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(reply->text(), "hello");
    }
  }
  this->server_.reset();
}

TYPED_TEST(HandlersThatCallTest, EndWithTheServerThoughTheirLoopRunsNoMore) {
  Loop loop = NewLoop();
  ForeignLoop foreign(loop);
  // Accepts connections, and answers once it is started.
  Server back;
  ASSERT_TRUE(back.Listen(this->address_).ok());
  TempDir dir;
  TypeParam service(this->NewStub({.loop = loop}));
  Server front;
  front.AddService(service);
  ASSERT_TRUE(front.Listen(dir.address()).ok());
  ASSERT_TRUE(front.Start(loop).ok());
  absl::StatusOr<Channel> channel =
      Channel::Connect(dir.address(), {.loop = loop});
  ASSERT_TRUE(channel.ok());
  TestService::Stub stub(*channel);
  std::optional<absl::StatusOr<Text>> reply;
  // By the kernel's time, in which the foreign loop sleeps.
  stub.async().Echo(TextOf("hello"), {.timeout = absl::Milliseconds(20)},
                    [&](absl::StatusOr<Text> answer) { reply = answer; });
  foreign.RunUntil([&] { return reply.has_value(); });
  EXPECT_EQ(reply->status().code(), absl::StatusCode::kDeadlineExceeded);
  // Before the front is destroyed, its handler gets an answer from the back.
  ASSERT_TRUE(back.Start().ok());
}

}  // namespace
}  // namespace fdrpc::testing
