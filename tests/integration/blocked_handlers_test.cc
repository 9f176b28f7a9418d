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

constexpr absl::Duration kTimeout = absl::Hours(1);

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
  std::latch waits(1);
  std::latch told(1);
  service_.chat = [&](ServerContext&, ServerStream<Text, Text>& stream) {
    std::lock_guard lock(users);
    holds.count_down();
    return stream.Read().has_value() ? absl::OkStatus()
                                     : absl::CancelledError();
  };
  service_.echo = [&](ServerContext& context, const Text&, Text&) {
    const std::stop_callback callback(context.cancellation(), [&] {
      std::lock_guard lock(users);
      told.count_down();
    });
    waits.count_down();
    told.wait();
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub holder = NewStub();
  auto chat = holder.Chat();
  holds.wait();
  {
    const std::jthread passes([&] {
      waits.wait();
      clock_.Advance(kTimeout);
    });
    const absl::Status status =
        NewClockedStub().Echo(Text(), {.timeout = kTimeout}).status();
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
  std::latch begun(1);
  absl::Status told;
  service_.chat = [&](ServerContext& context,
                      ServerStream<Text, Text>& stream) {
    begun.count_down();
    EXPECT_FALSE(stream.Read().has_value());
    told = context.cancellation_reason();
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub = NewClockedStub();
  auto chat = stub.Chat({.timeout = kTimeout});
  begun.wait();
  clock_.Advance(kTimeout);
  EXPECT_FALSE(chat.Read().has_value());
  const absl::Status status = chat.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  StopServer();
  EXPECT_FALSE(told.ok());
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
