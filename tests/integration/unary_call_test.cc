// Unary calls over real sockets, within one process: what tests/calls does not
// cover in all forms.

#include <unistd.h>

#include <atomic>
#include <latch>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/sanitizers.h"
#include "fdrpc/internal/kept_messages.h"
#include "gtest/gtest.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using UnaryCallTest = UnaryCallFixture;
INSTANTIATE_TEST_SUITE_P(Over, UnaryCallTest, kAllSchemes, SchemeName);

TEST_P(UnaryCallTest, CarriesMessagesLargerThanAFrameAndASocketBuffer) {
  Serve();
  TestService::Stub stub = NewStub();
  for (size_t bytes : {1u << 10, 8u << 10, 64u << 10, (512u << 10) - 1,
                       512u << 10, (512u << 10) + 1, 5u << 20}) {
    Text request;
    request.set_data(std::string(bytes, 'x'));
    absl::StatusOr<Text> reply = stub.Echo(request);
    ASSERT_TRUE(reply.ok()) << bytes << ": " << reply.status();
    EXPECT_EQ(reply->data(), request.data());
  }
}

TEST_P(UnaryCallTest, MemoryOfLargeMessagesComesBackFromAnIdleServer) {
  Serve();
  TestService::Stub stub = NewStub();
  Text request;
  request.set_data(std::string(5u << 20, 'x'));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(stub.Echo(request).ok());
  EXPECT_EQ(internal::KeptMessages::Any(), !kAddressSanitizer);
  while (internal::KeptMessages::Any()) {
    clock_.Advance(absl::Microseconds(100));
    std::this_thread::yield();
  }
  EXPECT_EQ(stub.Echo(request)->data(), request.data());
}

TEST_P(UnaryCallTest, LargeParcelsLeaveNothingToTheNext) {
  Serve();
  TestService::Stub stub = NewStub();
  service_.exchange = [](ServerContext&, Parcel<Files>& request,
                         Parcel<Files>& reply) {
    EXPECT_EQ(reply->ByteSizeLong(), 0u);
    reply->set_text(request->text());
    if (request->has_first()) reply.set_first(request.take_first());
    return absl::OkStatus();
  };
  for (int i = 0; i < 12; ++i) {
    Parcel<Files> request;
    if (i % 3 != 0) request->set_text(std::string(1u << 20, 'x'));
    if (i % 2 == 0) request.set_first(FileWith("content"));
    const size_t bytes = request->text().size();
    absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ((*reply)->text().size(), bytes);
    ASSERT_EQ((*reply)->has_first(), i % 2 == 0);
    EXPECT_EQ(i % 2 == 0 ? ReadRest(reply->first()) : "content", "content");
  }
}

TEST_P(UnaryCallTest, KnowsItsPeer) {
  Serve();
  service_.echo = [](ServerContext& context, const Text&, Text& reply) {
    reply.set_number(context.peer().pid);
    reply.set_text(std::to_string(context.peer().uid));
    return absl::OkStatus();
  };
  absl::StatusOr<Text> reply = NewStub().Echo(Text());
  ASSERT_TRUE(reply.ok());
  EXPECT_EQ(reply->number(), getpid());
  EXPECT_EQ(reply->text(), std::to_string(getuid()));
}

TEST_P(UnaryCallTest, EndsAtTheDeadlineAndTellsTheHandler) {
  Serve();
  std::latch cancelled(1);
  constexpr absl::Duration kTimeout = absl::Hours(1);
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    EXPECT_LE(context.time_remaining(), kTimeout);
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.count_down(); });
    cancelled.wait();
    EXPECT_TRUE(context.IsCancelled());
    return absl::OkStatus();
  };
  absl::StatusOr<Text> reply;
  clock_.AdvanceWhile(kTimeout, [&] {
    reply = NewClockedStub().Echo(Text(), {.timeout = kTimeout});
  });
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kDeadlineExceeded);
  StopServer();  // waits for the handler, which uses what is on this stack
}

TEST_P(UnaryCallTest, BlockedHandlersDoNotHoldUpOtherCalls) {
  Serve();
  constexpr int kBlocked = 8;
  std::latch all_in(kBlocked);
  std::latch release(1);
  service_.echo = [&](ServerContext&, const Text& request, Text&) {
    if (request.number() == 1) {
      all_in.count_down();
      release.wait();
    }
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  std::vector<std::thread> threads;
  for (int i = 0; i < kBlocked; ++i) {
    threads.emplace_back(
        [&] { EXPECT_TRUE(stub.Echo(TextOf("block", 1)).ok()); });
  }
  all_in.wait();
  EXPECT_TRUE(stub.Echo(TextOf("quick")).ok());
  release.count_down();
  for (std::thread& thread : threads) thread.join();
  StopServer();  // waits for the handlers, which use this stack
}

TEST_P(UnaryCallTest, CallsBeyondTheServersThreadsWaitTheirTurn) {
  Serve({.max_threads = 3});
  std::atomic<int> in_handler = 0;
  std::atomic<int> most = 0;
  service_.echo = [&](ServerContext&, const Text&, Text&) {
    const int now = ++in_handler;
    int seen = most.load();
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::yield();
    --in_handler;
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) EXPECT_TRUE(stub.Echo(Text()).ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 2);
  StopServer();  // waits for the handlers, which use this stack
}

TEST_P(UnaryCallTest, CallsBeyondTheConnectionsLimitWaitOnTheClient) {
  Serve({.max_calls_per_connection = 16});
  std::atomic<int> done = 0;
  TestService::Stub stub = NewStub();
  std::vector<std::thread> threads;
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) {
        absl::StatusOr<Text> reply = stub.Echo(TextOf("x"));
        EXPECT_TRUE(reply.ok()) << reply.status();
        ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done.load(), 800);
}

TEST_P(UnaryCallTest, ShutdownLetsCallsInProgressFinish) {
  Serve();
  std::latch started(1);
  std::latch release(1);
  service_.echo = [&](ServerContext&, const Text& request, Text& reply) {
    started.count_down();
    release.wait();
    reply = request;
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(TextOf("last")); });
  started.wait();
  server_->Shutdown();
  release.count_down();
  server_->Wait();
  caller.join();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->text(), "last");
}

TEST_P(UnaryCallTest, ShutdownCancelsCallsAtTheDrainDeadline) {
  Serve();
  std::latch started(1);
  std::latch cancelled(1);
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    std::stop_callback on_cancel(context.cancellation(),
                                 [&] { cancelled.count_down(); });
    started.count_down();
    cancelled.wait();
    return absl::OkStatus();
  };
  TestService::Stub stub = NewStub();
  absl::StatusOr<Text> reply;
  std::thread caller([&] { reply = stub.Echo(Text()); });
  started.wait();
  server_->Shutdown(absl::Hours(1));
  clock_.AdvanceWhile(absl::Hours(1), [this] { server_->Wait(); });
  caller.join();
  EXPECT_EQ(reply.status().code(), absl::StatusCode::kUnavailable)
      << reply.status();
}

}  // namespace
}  // namespace fdrpc::testing
