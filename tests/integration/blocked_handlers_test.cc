// Handlers that block in Read(): their thread serves others meanwhile, and they
// do not notice.

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <latch>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/raw_peer.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using BlockedHandlersTest = UnaryCallFixture;
INSTANTIATE_TEST_SUITE_P(Over, BlockedHandlersTest, kAllSchemes, SchemeName);

absl::Status Answer(ServerContext&, ServerStream<Text, Text>& stream) {
  while (std::optional<Text> text = stream.Read()) {
    if (!stream.Write(Numbered(text->number() + 1))) break;
  }
  return absl::OkStatus();
}

void Converse(TestService::Stub& stub, int messages) {
  auto chat = stub.Chat();
  for (int i = 0; i < messages; ++i) {
    ASSERT_TRUE(chat.Write(Numbered(i)));
    const std::optional<Text> answer = chat.Read();
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->number(), i + 1);
  }
  chat.WritesDone();
  EXPECT_FALSE(chat.Read().has_value());
  const absl::Status status = chat.Finish();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_P(BlockedHandlersTest, AnswerEachMessage) {
  service_.chat = Answer;
  Serve();
  TestService::Stub stub = NewStub();
  Converse(stub, 2000);
}

TEST_P(BlockedHandlersTest, ServeOneAnothersConnections) {
  service_.chat = Answer;
  Serve({.max_threads = 12});
  constexpr int kClients = 8;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([this] {
      TestService::Stub stub = NewStub();
      for (int call = 0; call < 100; ++call) {
        const absl::StatusOr<Text> reply = stub.Echo(Numbered(call));
        ASSERT_TRUE(reply.ok()) << reply.status();
        Converse(stub, 10);
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

TEST_P(BlockedHandlersTest, HaveNoCallbacksOfOthersRunUnderTheirLocks) {
  std::mutex users;
  std::latch holds(1);
  std::atomic<bool> waits = false;
  std::latch told(1);
  service_.chat = [&](ServerContext&, ServerStream<Text, Text>& stream) {
    std::lock_guard lock(users);
    holds.count_down();
    return stream.Read().has_value() ? absl::OkStatus()
                                     : absl::CancelledError();
  };
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    if (waits.exchange(true)) {  // another call reached its handler late
      told.wait();
      return absl::OkStatus();
    }
    const std::stop_callback callback(context.cancellation(), [&] {
      std::lock_guard lock(users);
      told.count_down();
    });
    told.wait();
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub holder = NewStub();
  auto chat = holder.Chat();
  holds.wait();
  // A busy machine may take longer than a short timeout to start a call's
  // handler.
  TestService::Stub stub = NewStub();
  for (absl::Duration timeout = absl::Milliseconds(20); !waits; timeout *= 2) {
    const absl::Status status =
        stub.Echo(Text(), {.timeout = timeout}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  }
  EXPECT_FALSE(told.try_wait());
  // Now the callback waits for the lock, and the handler for the callback.
  ASSERT_TRUE(chat.Write(Text()));
  while (chat.Read().has_value()) {
  }
  EXPECT_TRUE(chat.Finish().ok());
  told.wait();
  StopServer();
}

TEST_P(BlockedHandlersTest, HearOfTheirOwnDeadline) {
  std::atomic<int> begun = 0;
  std::atomic<int> told = 0;
  service_.chat = [&](ServerContext& context,
                      ServerStream<Text, Text>& stream) {
    ++begun;
    EXPECT_FALSE(stream.Read().has_value());
    if (!context.cancellation_reason().ok()) ++told;
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub = NewStub();
  for (absl::Duration timeout = absl::Milliseconds(20); begun == 0;
       timeout *= 2) {
    auto chat = stub.Chat({.timeout = timeout});
    EXPECT_FALSE(chat.Read().has_value());
    const absl::Status status = chat.Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  }
  StopServer();
  EXPECT_EQ(told, begun);
}

TEST_P(BlockedHandlersTest, AreEndedByAShutdownOfAnotherThread) {
  std::latch blocked(1);
  std::latch ended(1);
  service_.chat = [&](ServerContext&, ServerStream<Text, Text>& stream) {
    EXPECT_TRUE(stream.Read().has_value());
    blocked.count_down();
    EXPECT_FALSE(stream.Read().has_value());
    ended.count_down();
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub = NewStub();
  auto chat = stub.Chat();
  ASSERT_TRUE(chat.Write(Text()));
  blocked.wait();
  server_->Shutdown(absl::ZeroDuration());
  ended.wait();
  EXPECT_FALSE(chat.Finish().ok());
  StopServer();
}

// As many as the server has threads for, and one more thread that cancels them.
TEST_P(BlockedHandlersTest, AreCancelledThoughAllThreadsAreBlocked) {
  constexpr int kThreads = 4;
  std::latch blocked(kThreads - 1);
  std::latch ended(kThreads - 1);
  service_.chat = [&](ServerContext& context,
                      ServerStream<Text, Text>& stream) {
    std::mutex mu;
    std::condition_variable changed;
    bool cancelled = false;
    const std::stop_callback callback(context.cancellation(), [&] {
      std::lock_guard lock(mu);
      cancelled = true;
      changed.notify_all();
    });
    const std::optional<Text> text = stream.Read();
    blocked.count_down();
    if (text->number() == 0) {
      EXPECT_FALSE(stream.Read().has_value());
    } else {
      std::unique_lock lock(mu);
      changed.wait(lock, [&] { return cancelled; });
    }
    ended.count_down();
    return absl::OkStatus();
  };
  Serve({.max_threads = kThreads});
  TestService::Stub stub = NewStub();
  std::vector<ClientStream<Text, Text>> chats;
  // The last one waits for a message.
  for (int i = kThreads - 2; i >= 0; --i) {
    chats.push_back(stub.Chat());
    ASSERT_TRUE(chats.back().Write(Numbered(i)));
  }
  blocked.wait();
  while (!chats.empty()) {
    chats.back().Cancel();
    EXPECT_EQ(chats.back().Finish().code(), absl::StatusCode::kCancelled);
    chats.pop_back();
  }
  ended.wait();
  StopServer();
}

}  // namespace
}  // namespace fdrpc::testing
