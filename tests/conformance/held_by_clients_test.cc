// Server::statistics(): what clients make a server hold is counted while it is
// held, and is exactly zero after every kind of end.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "tests/conformance/attacked_server.h"
#include "tests/support/child.h"
#include "tests/support/clocked_client.h"
#include "tests/support/files.h"
#include "tests/support/lingering_socket.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kFiles = 20;

Parcel<Files> ManyFiles() {
  Parcel<Files> request;
  for (int i = 0; i < kFiles; ++i) request.add_files(FileWith("x"));
  return request;
}

class HeldByClientsTest : public AttackedServer {
 protected:
  void AwaitThat(
      const std::function<bool(const ServerStatistics&)>& condition) {
    const auto give_up =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition(server_->statistics())) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up)
          << ::testing::PrintToString(server_->statistics());
      std::this_thread::yield();
    }
  }
  void AwaitNothingHeld() {
    AwaitThat([](const ServerStatistics& now) {
      return now.connections == 0 && now.request_bytes == 0 &&
             now.request_descriptors == 0 && now.queued_descriptors == 0 &&
             now.in_flight_descriptors == 0 && now.closing_descriptors == 0;
    });
  }
  void AwaitRequestHeld() {
    AwaitThat([](const ServerStatistics& now) {
      return now.connections == 1 && now.request_bytes > 0 &&
             now.request_descriptors == kFiles;
    });
  }
  // The handler of Put waits until its call is cancelled, or this is set.
  std::atomic<bool> release_ = false;
  void PutWaits() {
    service_.put = [this](ServerContext& context, Parcel<Files>&, Text&) {
      while (!release_ && !context.IsCancelled()) std::this_thread::yield();
      return release_ ? absl::OkStatus() : absl::CancelledError("cancelled");
    };
  }
  TestService::Stub NewStub() {
    return TestService::Stub(*Channel::Connect(address()));
  }
};
INSTANTIATE_TEST_SUITE_P(Over, HeldByClientsTest, kAllSchemes, SchemeName);

TEST_P(HeldByClientsTest, ARequestCountsUntilItsCallHasEnded) {
  PutWaits();
  Serve();
  ClockedClient clocked(ManualClock::Between::kRuns);
  std::stop_source stop;
  const std::pair<absl::StatusCode, std::function<void()>> ends[] = {
      {absl::StatusCode::kOk, [&] { release_ = true; }},
      {absl::StatusCode::kDeadlineExceeded,
       [&] { clocked.clock().Advance(absl::Hours(2)); }},
      {absl::StatusCode::kCancelled, [&] { stop.request_stop(); }}};
  for (const auto& [code, end] : ends) {
    release_ = false;
    absl::Status status;
    std::thread caller([&] {
      TestService::Stub stub(clocked.NewChannel(address()));
      status = stub.Put(ManyFiles(), {.timeout = absl::Hours(1),
                                      .cancellation = stop.get_token()})
                   .status();
    });
    AwaitRequestHeld();
    end();
    caller.join();
    EXPECT_EQ(status.code(), code) << status;
    AwaitNothingHeld();
  }
}

TEST_P(HeldByClientsTest, AStreamsMessagesCountUntilTheyAreRead) {
  std::atomic<int> may_read = 0;
  service_.put_all = [&](ServerContext& context,
                         ServerReader<Parcel<Files>>& requests, Text&) {
    for (int read = 0;; ++read) {
      while (may_read <= read && !context.IsCancelled()) {
        std::this_thread::yield();
      }
      if (!requests.Read().has_value()) return absl::OkStatus();
    }
  };
  Serve();
  std::optional<TestService::Stub> stub = NewStub();
  {
    auto call = stub->PutAll();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(call.Write(ManyFiles()));
    for (uint64_t read = 0; read <= 3; ++read) {
      may_read = static_cast<int>(read);
      AwaitThat([read](const ServerStatistics& now) {
        return now.request_descriptors == (3 - read) * kFiles;
      });
    }
    ASSERT_TRUE(call.Write(ManyFiles()));
    AwaitRequestHeld();
  }  // cancels it
  AwaitThat([](const ServerStatistics& now) {
    return now.request_descriptors == 0 && now.request_bytes == 0;
  });
  stub.reset();
  AwaitNothingHeld();
}

TEST_P(HeldByClientsTest, AClientThatIsKilledLeavesNothing) {
  PutWaits();
  const std::string where = address();
  const pid_t client = Fork([&] {
    // It must not connect before the server's descriptors are counted.
    raise(SIGSTOP);
    TestService::Stub stub(*Channel::Connect(where));
    return stub.Put(ManyFiles(), {.wait_for_ready = true}).ok() ? 0 : 1;
  });
  int state = 0;
  ASSERT_EQ(waitpid(client, &state, WUNTRACED), client);
  Serve();
  kill(client, SIGCONT);
  AwaitRequestHeld();
  kill(client, SIGKILL);
  EXPECT_EQ(ExitCode(client), -SIGKILL);
  AwaitNothingHeld();
}

TEST_P(HeldByClientsTest, AServerThatShutsDownHoldsNothing) {
  PutWaits();
  Serve();
  std::thread caller([&] {
    TestService::Stub stub = NewStub();
    EXPECT_FALSE(stub.Put(ManyFiles()).ok());
  });
  AwaitRequestHeld();
  server_->Shutdown(absl::ZeroDuration());
  server_->Wait();
  caller.join();
  AwaitNothingHeld();
  server_.reset();
}

TEST_P(HeldByClientsTest, WhatIsRefusedIsNotCounted) {
  PutWaits();
  Serve({.max_request_descriptors = 16,
         .max_held_descriptors_per_connection = 20});
  const auto only_the_first = [](const ServerStatistics& now) {
    return now.request_descriptors == 16;
  };
  {
    RawPeer client = NewClient();
    const RawFrame first = OpenFrame(1, kPut, FilesBytesTo(16), 16);
    ASSERT_TRUE(client.Send(first, Fds(16)));
    AwaitThat(only_the_first);
    // Too many for the connection; of a method that takes none.
    ASSERT_TRUE(client.Send(OpenFrame(2, kPut, FilesBytesTo(16), 16), Fds(16)));
    EXPECT_EQ(client.ReadStatus(2).code, kResourceExhausted);
    ASSERT_TRUE(client.Send(OpenFrame(3, kEcho, TextBytes("x"), 2), Fds(2)));
    EXPECT_EQ(client.ReadStatus(3).code, kInternal);
    ExpectServes();
    AwaitThat(only_the_first);
    release_ = true;
    EXPECT_EQ(client.ReadStatus(1).code, kOk);
    ExpectLives(client, 4);
  }
  AwaitNothingHeld();
}

TEST_P(HeldByClientsTest, RepliesCountUntilTheyAreReceived) {
  service_.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
    const SharedFd file(FileWith("x"));
    for (int i = 0; i < kFiles; ++i) reply.add_files(file);
    return absl::OkStatus();
  };
  Serve();
  {
    RawPeer client = NewClient();
    for (uint32_t call = 1; call <= 60; ++call) {
      ASSERT_TRUE(client.Send(OpenFrame(call, kGet, "")));
    }
    AwaitThat([](const ServerStatistics& now) {
      return now.queued_descriptors > 0 && now.in_flight_descriptors > 0;
    });
    for (uint32_t call = 1; call <= 60; ++call) {
      ASSERT_EQ(client.ReadStatus().code, kOk);
    }
    AwaitThat([](const ServerStatistics& now) {
      return now.queued_descriptors == 0 && now.request_bytes == 0;
    });
    for (uint32_t call = 61; call <= 120; ++call) {
      ASSERT_TRUE(client.Send(OpenFrame(call, kGet, "")));
    }
    AwaitThat(
        [](const ServerStatistics& now) { return now.queued_descriptors > 0; });
  }  // leaves without reading
  AwaitNothingHeld();
}

TEST_P(HeldByClientsTest, WhatWaitsToBeClosedCounts) {
  PutWaits();
  Serve();
  auto [blocks, peer] = SocketWithALingeringOne();
  {
    RawPeer client = NewClient();
    ASSERT_TRUE(
        client.Send(OpenFrame(1, kPut, FilesBytesTo(1), 1), {blocks.get()}));
    AwaitThat([](const ServerStatistics& now) {
      return now.request_descriptors == 1;
    });
    // The server's close is the last one, which blocks.
    blocks.Reset();
    release_ = true;
    EXPECT_EQ(client.ReadStatus(1).code, kOk);
    AwaitThat([](const ServerStatistics& now) {
      return now.request_descriptors == 0 && now.closing_descriptors == 1;
    });
  }
  // The connection's socket may go the same way, but is not held up.
  AwaitThat([](const ServerStatistics& now) {
    return now.connections == 0 && now.closing_descriptors == 1;
  });
  peer.Reset();
  AwaitNothingHeld();
}

// It has not been read, so the server has only its socket to close.
TEST_P(HeldByClientsTest, WhatIsInASocketThatIsTurnedAwayCounts) {
  server_ = std::make_unique<Server>(ServerOptions{.max_connections = 1});
  server_->AddService(service_);
  ASSERT_TRUE(server_->Listen(address()).ok());
  std::optional<RawPeer> first = NewPeer();
  ASSERT_TRUE(first->Send(Greeting()));
  RawPeer second = NewPeer();
  auto [lingering, peer] = LingeringSocket();
  ASSERT_TRUE(second.Send(
      RawHello().Bytes() + OpenFrame(1, kPut, FilesBytesTo(1), 1).Bytes(),
      {lingering.get()}));
  lingering.Reset();
  ASSERT_TRUE(server_->Start().ok());
  EXPECT_TRUE(first->ReadType(RawFrame::kHello).has_value());
  AwaitThat([](const ServerStatistics& now) {
    return now.connections == 1 && now.closing_descriptors == 1;
  });
  const auto reason = second.ReadType(RawFrame::kGoAway);
  ASSERT_TRUE(reason.has_value());
  EXPECT_THAT(reason->frame.payload, HasSubstr("1 connections, its limit"));
  ExpectLives(*first, 1);
  peer.Reset();
  first.reset();
  AwaitNothingHeld();
  server_.reset();
}

}  // namespace
}  // namespace fdrpc::testing
