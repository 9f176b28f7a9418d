// Ends of calls that are one datagram each way: cancellation, late answers, the
// server's shutdown and its limits.
#include <atomic>
#include <future>
#include <latch>
#include <thread>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/integration/connectionless_fixture.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

TEST_P(ConnectionlessTest, ACancelledCallFreesTheClientAndTheHandlerGoesOn) {
  std::promise<void> running;
  std::promise<void> go_on;
  std::promise<bool> cancelled;
  service_.echo = [&](ServerContext& context, const Text& request, Text&) {
    if (request.text() == "hold") {
      running.set_value();
      go_on.get_future().wait();
      cancelled.set_value(context.IsCancelled());
    }
    return absl::OkStatus();
  };
  Serve();
  std::stop_source stop;
  std::thread caller([&] {
    EXPECT_EQ(stub_->Echo(TextOf("hold"), {.cancellation = stop.get_token()})
                  .status()
                  .code(),
              absl::StatusCode::kCancelled);
  });
  running.get_future().wait();
  stop.request_stop();
  caller.join();
  go_on.set_value();
  EXPECT_FALSE(cancelled.get_future().get()) << "nobody tells it";
  // The late answer is dropped, and the next ones are not.
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(stub_->Echo(Text()).ok());
}

TEST_P(ConnectionlessTest, LateAnswersTakeNobodysPlace) {
  std::atomic<int> waiting = 0;
  std::atomic<int> ended = 0;
  std::latch go_on(1);
  service_.echo = [&](ServerContext&, const Text& request, Text&) {
    if (request.text() == "hold") {
      ++waiting;
      go_on.wait();
    }
    ++ended;
    return absl::OkStatus();
  };
  Serve({.max_threads = 64});
  std::vector<std::thread> callers;
  std::stop_source stop;
  for (int i = 0; i < 12; ++i) {
    callers.emplace_back([&] {
      (void)stub_->Echo(TextOf("hold"), {.cancellation = stop.get_token()});
    });
  }
  const int sent = pair() ? 3 : 10;
  while (waiting < sent) std::this_thread::yield();
  stop.request_stop();
  for (std::thread& caller : callers) caller.join();
  go_on.count_down();
  while (ended < sent) std::this_thread::yield();
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(stub_->Echo(Text(), {.timeout = absl::Seconds(20)}).ok());
  }
  EXPECT_EQ(server_->statistics().dropped_replies, 0u);
}

TEST_P(ConnectionlessTest, ADrainServesWhatHasArrived) {
  std::promise<void> running;
  std::promise<void> go_on;
  service_.echo = [&](ServerContext& context, const Text& request,
                      Text& reply) {
    if (request.text() == "hold") {
      running.set_value();
      go_on.get_future().wait();
      EXPECT_TRUE(context.draining().stop_requested());
    }
    reply = request;
    return absl::OkStatus();
  };
  Serve();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub_->Echo(TextOf("hold")); });
  running.get_future().wait();
  server_->Shutdown(absl::InfiniteDuration());
  // The socket is closed, or takes nothing more.
  while (stub_->Echo(Text(), {.timeout = absl::Seconds(20)}).ok()) {
  }
  EXPECT_EQ(stub_->Echo(Text()).status().code(),
            absl::StatusCode::kUnavailable);
  go_on.set_value();
  caller.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "hold");
  server_->Wait();
}

TEST_P(ConnectionlessTest, ADrainWithoutPatienceEndsItsCalls) {
  std::promise<void> running;
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    std::promise<void> cancelled;
    std::stop_callback wake(context.cancellation(),
                            [&] { cancelled.set_value(); });
    running.set_value();
    cancelled.get_future().wait();
    return absl::OkStatus();
  };
  Serve();
  absl::Status status;
  std::thread caller([&] { status = stub_->Echo(Text()).status(); });
  running.get_future().wait();
  server_->Shutdown(absl::ZeroDuration());
  caller.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  server_->Wait();
}

TEST_P(ConnectionlessTest, AUsersCallsAtOnceAreLimitedAndNobodyElseNotices) {
  std::atomic<int> waiting = 0;
  std::latch go_on(1);
  service_.echo = [&](ServerContext&, const Text& request, Text&) {
    if (request.text() == "hold") {
      ++waiting;
      go_on.wait();
    }
    return absl::OkStatus();
  };
  Serve({.max_threads = 64, .max_calls_per_connection = 16});
  // Another channel for each: one has no more than its queue can be answered.
  std::vector<std::thread> callers;
  std::vector<TestService::Stub> stubs;
  std::atomic<int> refused = 0;
  if (pair()) {
    // It has a window of its own.
    go_on.count_down();
    return;
  }
  for (int i = 0; i < 20; ++i) {
    callers.emplace_back([&] {
      TestService::Stub stub(*Channel::Connect(address_, kConnectionless));
      const absl::Status status = stub.Echo(TextOf("hold")).status();
      if (status.code() == absl::StatusCode::kResourceExhausted) ++refused;
    });
  }
  while (waiting < 16 || refused < 4) std::this_thread::yield();
  go_on.count_down();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(refused, 4);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(stub_->Echo(Text()).ok());
}

}  // namespace
}  // namespace fdrpc::testing
