// What a handler learns about the end of its call, and about its client.

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

bool IsReadable(const UniqueFd& fd, int timeout_ms) {
  pollfd polled = {.fd = fd.get(), .events = POLLIN, .revents = 0};
  return poll(&polled, 1, timeout_ms) == 1;
}

// A server in this process whose Chat runs until its call ends, and records
// why. The clients are processes that were forked before it has threads.
class ClientEndTest : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr int kLong = 60'000;  // milliseconds

  ~ClientEndTest() override {
    server_.Shutdown(absl::ZeroDuration());
    server_.Wait();
  }

  void Serve() {
    server_.AddService(service_);
    ASSERT_TRUE(server_.Listen(address_).ok());
    ASSERT_TRUE(server_.Start().ok());
  }
  // Runs `on_end` when a Chat has ended.
  void OnChat(std::function<void(ServerContext&, const UniqueFd& pidfd)> then) {
    service_.chat = [then](ServerContext& context,
                           ServerStream<Text, Text>& stream) {
      EXPECT_TRUE(context.cancellation_reason().ok());
      absl::StatusOr<UniqueFd> pidfd = context.OpenPeerPidfd();
      EXPECT_TRUE(pidfd.ok()) << pidfd.status();
      if (!pidfd.ok()) return pidfd.status();
      Text text;
      stream.Read(text);
      EXPECT_FALSE(IsReadable(*pidfd, 0));
      stream.Write(text);
      then(context, *pidfd);
      return absl::OkStatus();
    };
  }
  // A process that has a Chat with the server, and then runs `then`.
  pid_t StartClient(const std::function<void()>& then) {
    auto [go, go_in] = Pipe();
    go_ = std::move(go_in);
    const pid_t pid = Fork();
    if (pid == 0) {
      go_.Reset();
      (void)ReadRest(go.get());
      TestService::Stub stub(*Channel::Connect(address_));
      auto chat = stub.Chat();
      if (!chat.Write(Text()) || !chat.Read().has_value()) _exit(1);
      then();
      _exit(0);
    }
    return pid;
  }
  // Lets the client begin, once the server is ready.
  void Go() { go_.Reset(); }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  FakeService service_;
  Server server_;
  UniqueFd go_;
};
INSTANTIATE_TEST_SUITE_P(Over, ClientEndTest, kAllSchemes, SchemeName);

TEST_P(ClientEndTest, AProcessThatDiesEndsItsCallsAndIsSeenToHaveDied) {
  const pid_t client = StartClient([] { pause(); });
  std::promise<void> talking;
  std::promise<absl::Status> reason;
  OnChat([&](ServerContext& context, const UniqueFd& pidfd) {
    talking.set_value();
    EXPECT_TRUE(IsReadable(pidfd, kLong));
    std::promise<void> cancelled;
    std::stop_callback on_stop(context.cancellation(),
                               [&] { cancelled.set_value(); });
    cancelled.get_future().wait();
    reason.set_value(context.cancellation_reason());
  });
  Serve();
  Go();
  talking.get_future().wait();
  kill(client, SIGKILL);
  EXPECT_EQ(reason.get_future().get().code(), absl::StatusCode::kUnavailable);
  waitpid(client, nullptr, 0);
}

TEST_P(ClientEndTest, AProcessThatDiesIsSeenThoughAnotherHoldsItsConnection) {
  auto [keeper, keeper_in] = Pipe();
  const pid_t client = StartClient([&keeper_in = keeper_in] {
    if (const pid_t child = Fork(); child != 0) {
      (void)!write(keeper_in.get(), &child, sizeof(child));
      _exit(0);
    }
    pause();
  });
  keeper_in.Reset();
  std::promise<bool> was_cancelled;
  OnChat([&](ServerContext& context, const UniqueFd& pidfd) {
    EXPECT_TRUE(IsReadable(pidfd, kLong));
    was_cancelled.set_value(context.IsCancelled());
  });
  Serve();
  Go();
  EXPECT_FALSE(was_cancelled.get_future().get());
  waitpid(client, nullptr, 0);
  pid_t child = -1;
  ASSERT_EQ(read(keeper.get(), &child, sizeof(child)),
            static_cast<ssize_t>(sizeof(child)));
  kill(child, SIGKILL);
}

TEST_P(ClientEndTest, TheReasonTellsCancelsAndTheServersEndApart) {
  struct Seen {  // of one chat
    std::promise<void> begun;
    std::promise<absl::Status> reason;
  };
  Seen of_first;
  Seen of_second;
  std::atomic<int> chats = 0;
  service_.chat = [&](ServerContext& context, ServerStream<Text, Text>&) {
    Seen& seen = chats++ == 0 ? of_first : of_second;
    std::promise<void> cancelled;
    std::stop_callback on_stop(context.cancellation(),
                               [&] { cancelled.set_value(); });
    seen.begun.set_value();
    cancelled.get_future().wait();
    seen.reason.set_value(context.cancellation_reason());
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub(*Channel::Connect(address_));
  auto first = stub.Chat();
  of_first.begun.get_future().wait();
  first.Cancel();
  EXPECT_EQ(of_first.reason.get_future().get().code(),
            absl::StatusCode::kCancelled);
  auto second = stub.Chat();
  of_second.begun.get_future().wait();
  server_.Shutdown(absl::ZeroDuration());
  EXPECT_EQ(of_second.reason.get_future().get().code(),
            absl::StatusCode::kUnavailable);
  server_.Wait();  // for the handlers, which use this stack
}

TEST_P(ClientEndTest, AClientOfTheSameProcessHasAPidfdToo) {
  std::promise<bool> ended;
  OnChat([&](ServerContext&, const UniqueFd& pidfd) {
    ended.set_value(IsReadable(pidfd, 0));
  });
  Serve();
  TestService::Stub stub(*Channel::Connect(address_));
  auto chat = stub.Chat();
  EXPECT_TRUE(chat.Write(Text()));
  EXPECT_FALSE(ended.get_future().get());
  EXPECT_TRUE(chat.Finish().ok());
}

}  // namespace
}  // namespace fdrpc::testing
