// Calls that wait for a server that is away (wait_for_ready): many of them, in
// every form, until it comes.

#include <atomic>
#include <future>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/fault_injection.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

class WaitingCallsTest : public UnaryCallFixture {
 protected:
  WaitingCallsTest() : away_(NewStub({.loop = loop_.loop()})) {}

  // A server that is running, and a stub of it on the same loop.
  TestService::Stub ServeElsewhere() {
    const std::string address = dir_.address("elsewhere", GetParam());
    elsewhere_.AddService(service_);
    EXPECT_TRUE(elsewhere_.Listen(address).ok());
    EXPECT_TRUE(elsewhere_.Start().ok());
    return TestService::Stub(
        *Channel::Connect(address, {.loop = loop_.loop()}));
  }
  static absl::StatusOr<Text> Call(TestService::Stub& stub, int number) {
    std::promise<absl::StatusOr<Text>> told;
    stub.async().Echo(Numbered(number), {}, [&](absl::StatusOr<Text> reply) {
      told.set_value(std::move(reply));
    });
    return told.get_future().get();
  }
  internal::DetachedTask Await(int number, std::latch& ended) {
    absl::StatusOr<Text> reply = co_await away_.co().Echo(
        Numbered(number), CallOptions{.wait_for_ready = true});
    EXPECT_EQ(reply.ok() ? reply->number() : -1, number) << reply.status();
    ended.count_down();
  }

  Server elsewhere_;
  RunningLoop loop_;
  TestService::Stub away_;
};
INSTANTIATE_TEST_SUITE_P(Over, WaitingCallsTest, kAllSchemes, SchemeName);

TEST_P(WaitingCallsTest, ManyWaitTogetherAndAreMadeWhenTheServerComes) {
  constexpr int kCalls = 2500;
  constexpr int kThreads = 8;
  TestService::Stub live = ServeElsewhere();
  ASSERT_TRUE(Call(live, 0).ok());
  std::latch ended(2 * kCalls);
  std::vector<std::jthread> blocked;
  {
    FaultInjection counted(
        [](std::string_view, size_t) { return FaultInjection::Fault{}; });
    for (int i = 0; i < kCalls; ++i) {
      away_.async().Echo(Numbered(i), {.wait_for_ready = true},
                         [&ended, i](absl::StatusOr<Text> reply) {
                           EXPECT_EQ(reply.ok() ? reply->number() : -1, i)
                               << reply.status();
                           ended.count_down();
                         });
      Await(kCalls + i, ended);
    }
    for (int i = 0; i < kThreads; ++i) {
      blocked.emplace_back([this, i] {
        absl::StatusOr<Text> reply =
            away_.Echo(Numbered(i), {.wait_for_ready = true});
        EXPECT_EQ(reply.ok() ? reply->number() : -1, i) << reply.status();
      });
    }
    const size_t before = counted.CountOf("connect");
    const absl::Time start = absl::Now();
    // One attempt for all of them in each pause, whatever their form; two, to
    // tolerate clocks.
    constexpr int kLive = 2000;
    for (int i = 0; i < kLive; ++i) {
      absl::StatusOr<Text> reply = Call(live, i);
      EXPECT_EQ(reply.ok() ? reply->number() : -1, i) << reply.status();
    }
    EXPECT_LE(counted.CountOf("connect") - before,
              10 + 2 * (absl::Now() - start) / absl::Milliseconds(20));
  }
  Serve();
  ended.wait();
  blocked.clear();
  StopServer();
  elsewhere_.Shutdown();
  elsewhere_.Wait();
}

TEST_P(WaitingCallsTest, ManyWaitWhileAServerTurnsTheConnectionAway) {
  constexpr int kCalls = 1000;
  Serve({.max_connections = 1});
  TestService::Stub first = NewStub();
  ASSERT_TRUE(first.Echo(Text()).ok());
  std::latch ended(kCalls);
  std::atomic<int> done = 0;
  for (int i = 0; i < kCalls; ++i) {
    away_.async().Echo(Numbered(i), {.wait_for_ready = true},
                       [&, i](absl::StatusOr<Text> reply) {
                         EXPECT_EQ(reply.ok() ? reply->number() : -1, i)
                             << reply.status();
                         ++done;
                         ended.count_down();
                       });
  }
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(first.Echo(Text()).ok());
  EXPECT_EQ(done, 0);
  // The socket that occupied the queue is closed.
  first = away_;
  ended.wait();
  StopServer();
}

TEST_P(WaitingCallsTest, TheyOutliveAServerThatComesAndGoes) {
  constexpr int kCalls = 200;
  std::latch ended(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    away_.async().Echo(Numbered(i), {.wait_for_ready = true},
                       [&, i](absl::StatusOr<Text> reply) {
                         // Only a call that the server has seen can fail.
                         if (reply.ok()) {
                           EXPECT_EQ(reply->number(), i);
                         }
                         ended.count_down();
                       });
  }
  for (int i = 0; i < 5; ++i) {
    Serve();
    StopServer();
  }
  Serve();
  ended.wait();
  StopServer();
}

}  // namespace
}  // namespace fdrpc::testing
