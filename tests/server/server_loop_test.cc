// A server that runs in a loop, and has no thread of its own.

#include <poll.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "fdrpc/loop.h"
#include "tests/server/stream_server.h"
#include "tests/support/fault_injection.h"
#include "tests/support/foreign_loop.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

constexpr uint64_t kSoon = 5'000'000;  // nanoseconds

class ServerLoopTest : public StreamServer {
 protected:
  void ServeIn(Loop& loop) {
    server_ = std::make_unique<Server>();
    server_->AddService(*service_);
    ASSERT_TRUE(server_->Listen(dir_.address()).ok());
    const absl::Status started = server_->Start(loop);
    ASSERT_TRUE(started.ok()) << started;
  }
  // Runs `client` on a thread, and `loop` on this thread until `client` has
  // ended.
  template <typename Client>
  void RunForeign(Loop& loop, Client client) {
    ForeignLoop foreign(loop);
    bool done = false;
    std::jthread thread([&] {
      client();
      loop.Post([&] { done = true; });
    });
    foreign.RunUntil([&] { return done; });
  }
};
FDRPC_IN_EACH_FORM(ServerLoopTest);

// Forms of handlers whose streams hold no thread.
class ServerLoopStreamsTest : public ServerLoopTest {};
INSTANTIATE_TEST_SUITE_P(Forms, ServerLoopStreamsTest,
                         ::testing::Values(kHandlerForms[1], kHandlerForms[2]),
                         [](const auto& parameter) {
                           return parameter.param.name;
                         });

TEST_P(ServerLoopTest, AnswersOnTheThreadThatRunsTheLoop) {
  Loop loop = NewLoop();
  ServeIn(loop);
  RunForeign(loop, [&] {
    StreamClient client = NewClient();
    for (uint32_t call = 1; call <= 100; ++call) {
      client.Open(call, kEcho, "request");
      EXPECT_EQ(StreamClient::TextOf(client.ReadEndFrame(call).frame.payload),
                "request");
    }
  });
}

TEST_P(ServerLoopTest, HasNoThread) {
  Loop loop = NewLoop();
  const std::thread::id here = std::this_thread::get_id();
  FaultInjection faults([here](std::string_view name, size_t) {
    if (name == "accept4" || name == "epoll_wait") {
      EXPECT_EQ(std::this_thread::get_id(), here);
    }
    return FaultInjection::Fault{};
  });
  ServeIn(loop);
  RunForeign(loop, [&] {
    StreamClient client = NewClient();
    client.Open(1, kEcho, "request");
    EXPECT_EQ(client.ReadEnd(1), kOk);
  });
  server_->Shutdown();
  server_->Wait();
}

TEST_P(ServerLoopTest, WaitsTogetherWithItsLoop) {
  Loop loop = NewLoop();
  ServeIn(loop);
  ForeignLoop foreign(loop);
  FaultInjection counts([](auto...) { return FaultInjection::Fault{}; });
  bool done = false;
  std::jthread thread([&] {
    StreamClient client = NewClient();
    client.Open(1, kEcho, "request");
    EXPECT_EQ(client.ReadEnd(1), kOk);
    loop.Post([&] { done = true; });
  });
  const int rounds = foreign.RunUntil([&] { return done; });
  EXPECT_EQ(counts.CountOf("epoll_wait"), static_cast<size_t>(rounds));
}

TEST_P(ServerLoopTest, ManyClientsAreServedAtOnce) {
  RunningLoop running;
  ServeIn(running.loop());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([this] {
        StreamClient client = NewClient();
        for (uint32_t call = 1; call <= 50; ++call) {
          client.Open(call, kEcho, std::string(call * 100, 'x'));
        }
        for (uint32_t call = 1; call <= 50; ++call) {
          EXPECT_EQ(client.ReadEnd(call), kOk);
        }
      });
    }
  }
  server_.reset();
}

TEST_P(ServerLoopTest, ManyServersShareOneLoop) {
  RunningLoop running;
  ServeIn(running.loop());
  std::vector<std::unique_ptr<Server>> more;
  for (int i = 0; i < 3; ++i) {
    const std::string name = std::to_string(i);
    Server& server = *more.emplace_back(std::make_unique<Server>());
    server.AddService(*service_);
    ASSERT_TRUE(server.Listen("unix:" + dir_.file(name)).ok());
    ASSERT_TRUE(server.Start(running.loop()).ok());
    StreamClient client(dir_.file(name), service_->full_name());
    client.Open(1, kEcho, "request");
    EXPECT_EQ(client.ReadEnd(1), kOk);
  }
  server_.reset();
}

TEST_P(ServerLoopTest, LeavesAnotherLoopInPeaceWhenNothingIsToDo) {
  Loop loop = NewLoop();
  ServeIn(loop);
  ForeignLoop foreign(loop);
  std::optional<StreamClient> client;
  bool served = false;
  std::jthread connecting([&] {
    client.emplace(NewClient());
    client->Open(1, kEcho, "request");
    EXPECT_EQ(client->ReadEnd(1), kOk);
    loop.Post([&] { served = true; });
  });
  foreign.RunUntil([&] { return served; });
  connecting.join();
  // The rest takes few rounds. After that it waits for nothing but possibly a
  // time-out of the handshake.
  int rounds = 0;
  const auto has_something = [&] {
    pollfd ready = {.fd = loop.fd(), .events = POLLIN, .revents = 0};
    return loop.next_timeout() == absl::ZeroDuration() ||
           poll(&ready, 1, 0) == 1;
  };
  while (has_something() && ++rounds < 10) loop.RunReady();
  EXPECT_LT(rounds, 10);
  EXPECT_GT(loop.next_timeout(), absl::Seconds(1));
  // A call of which each byte arrives alone costs a round for each byte.
  RawFrame open = {.type = RawFrame::kOpen,
                   .call = 2,
                   .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
                   .argument = kEcho,
                   .payload = StreamClient::TextBytes("request")};
  served = false;
  const std::string bytes = open.Bytes();
  std::jthread slow([&] {
    for (char byte : bytes) EXPECT_TRUE(client->peer().Send({&byte, 1}));
    EXPECT_EQ(client->ReadEnd(2), kOk);
    loop.Post([&] { served = true; });
  });
  rounds = foreign.RunUntil([&] { return served; });
  EXPECT_LE(rounds, static_cast<int>(2 * bytes.size()) + 5);
}

// ---- streams

TEST_P(ServerLoopStreamsTest, HandlersThatWaitHoldNobodyUp) {
  Loop loop = NewLoop();
  ServeIn(loop);
  RunForeign(loop, [&] {
    StreamClient client = NewClient();
    for (uint32_t call = 1; call <= 50; ++call) {
      client.Open(call, kChat);
      client.Write(call, "begun");
      EXPECT_EQ(client.ReadText(call), "begun");
    }
    client.Open(51, kEcho, "alive");
    EXPECT_EQ(client.ReadEnd(51), kOk);
    for (uint32_t call = 1; call <= 50; ++call) {
      client.HalfClose(call);
      EXPECT_EQ(client.ReadEnd(call), kOk);
    }
  });
}

TEST_P(ServerLoopStreamsTest, DeadlinesAreKept) {
  Loop loop = NewLoop();
  ServeIn(loop);
  RunForeign(loop, [&] {
    StreamClient client = NewClient();
    client.Open(1, kChat, std::nullopt, 3'600'000'000'000);
    // Each earlier than the one before.
    for (uint32_t call = 2; call <= 20; ++call) {
      client.Open(call, kChat, std::nullopt, kSoon * (21 - call));
    }
    for (uint32_t call = 2; call <= 20; ++call) {
      const ReadFrame end = client.Read();
      EXPECT_EQ(end.frame.type, RawFrame::kStatus);
      EXPECT_EQ(end.frame.argument, StreamClient::kDeadlineExceeded);
    }
    client.HalfClose(1);
    EXPECT_EQ(client.ReadEnd(1), kOk);
  });
}

TEST_P(ServerLoopStreamsTest, ADeadlineCostsNoMoreThanAFewRounds) {
  Loop loop = NewLoop();
  ServeIn(loop);
  ForeignLoop foreign(loop);
  std::optional<StreamClient> client;
  bool begun = false;
  std::jthread opening([&] {
    client.emplace(NewClient());
    client->Open(1, kChat, std::nullopt, kSoon);
    loop.Post([&] { begun = true; });
  });
  foreign.RunUntil([&] { return begun; });
  // What the client sent, the wake-up for the deadline, and the deadline, for
  // which the wait may have ended too early.
  EXPECT_LE(foreign.RunUntil([&] { return !log().empty(); }), 8);
  EXPECT_EQ(log().Next(), "read 0, wrote 0, cancelled");
  opening.join();
  EXPECT_EQ(client->ReadEnd(1), StreamClient::kDeadlineExceeded);
}

// ---- ends

TEST_P(ServerLoopTest, AServerGoesWhoseLoopNeverRan) {
  Loop loop = NewLoop();
  ServeIn(loop);
  server_.reset();
}

TEST_P(ServerLoopTest, AServerGoesWhoseLoopRunsNoMore) {
  {
    RunningLoop running;
    ServeIn(running.loop());
    NewClient().AwaitPong();
  }
  server_.reset();
}

TEST_P(ServerLoopStreamsTest, AServerGoesWithCallsInProgressWhereItsLoopWas) {
  Loop loop = NewLoop();
  ServeIn(loop);
  std::optional<StreamClient> client;
  RunForeign(loop, [&] {
    client.emplace(NewClient());
    for (uint32_t call = 1; call <= 10; ++call) {
      client->Open(call, kChat);
      client->Write(call, "begun");
      EXPECT_EQ(client->ReadText(call), "begun");
    }
  });
  server_.reset();
  for (int i = 0; i < 10; ++i) {
    ASSERT_FALSE(log().empty()) << "a handler did not end";
    EXPECT_EQ(log().Next(), "read 1, wrote 1, cancelled");
  }
}

TEST_P(ServerLoopStreamsTest, AServerThatGoesElsewhereLeavesHandlersToTheLoop) {
  RunningLoop running;
  ServeIn(running.loop());
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  server_.reset();
  EXPECT_EQ(log().Next(), "read 1, wrote 1, cancelled");
}

TEST_P(ServerLoopStreamsTest, CallsInProgressMayEndWhileItShutsDown) {
  RunningLoop running;
  ServeIn(running.loop());
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  server_->Shutdown(absl::Hours(1));
  EXPECT_TRUE(client.peer().ReadType(RawFrame::kGoAway).has_value());
  client.Write(1, "more");
  EXPECT_EQ(client.ReadText(1), "more");
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  server_->Wait();
  EXPECT_EQ(log().Next(), "read 2, wrote 2");
}

TEST_P(ServerLoopStreamsTest, CallsThatOutlastTheDrainTimeAreCancelled) {
  RunningLoop running;
  ServeIn(running.loop());
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  server_->Shutdown(absl::Milliseconds(5));
  server_->Wait();
  EXPECT_EQ(log().Next(), "read 1, wrote 1, cancelled");
}

TEST_P(ServerLoopTest, WaitRunsTheLoopThatIsItsThreads) {
  Loop loop = NewLoop();
  ServeIn(loop);
  std::jthread client([this] {
    StreamClient client = NewClient();
    client.Open(1, kEcho, "request");
    EXPECT_EQ(client.ReadEnd(1), kOk);
    server_->Shutdown();
  });
  server_->Wait();
  EXPECT_EQ(log().Next(), "read 1, wrote 1");
}

TEST_P(ServerLoopTest, AServerThatCannotBeWatchedSaysSoAndGoes) {
  Loop loop = NewLoop();
  server_ = std::make_unique<Server>();
  server_->AddService(*service_);
  ASSERT_TRUE(server_->Listen(dir_.address()).ok());
  {
    FaultInjection faults([](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == "epoll_ctl" ? ENOSPC : 0};
    });
    EXPECT_EQ(server_->Start(loop).code(),
              absl::StatusCode::kResourceExhausted);
  }
  server_.reset();
}

// ---- mistakes

using ServerLoopDeathTest = ServerLoopTest;
FDRPC_IN_EACH_FORM(ServerLoopDeathTest);

// The destructor does the same, but not in a death test's child.
TEST_P(ServerLoopDeathTest, NobodyWaitsForTheServerWithinItsLoop) {
  Loop loop = NewLoop();
  ServeIn(loop);
  loop.Post(
      [this] { EXPECT_DEATH(server_->Wait(), "in a callback of its loop"); });
  loop.RunReady();
}

TEST_P(ServerLoopDeathTest, ABlockingHandlerMustNotWaitForWhatTheLoopBrings) {
  if (std::string(GetParam().name) != "Blocking") return;
  EXPECT_DEATH(
      {
        Loop loop = NewLoop();
        ServeIn(loop);
        RunForeign(loop, [&] {
          StreamClient client = NewClient();
          client.Open(1, kChat);
          client.Read();
        });
      },
      "need AsyncService or CoService");
}

}  // namespace
}  // namespace fdrpc::testing
