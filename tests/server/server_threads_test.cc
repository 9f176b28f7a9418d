// The effect of handlers of each form on the server's threads, and what
// handlers may keep after their calls.

#include <atomic>
#include <latch>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/server/stream_server.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

class ServerThreadsTest : public StreamServer {};
FDRPC_IN_EACH_FORM(ServerThreadsTest);

TEST_P(ServerThreadsTest, StreamsThatWaitLeaveAThreadToOthers) {
  Serve({.max_threads = 3});
  StreamClient client = NewClient();
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  for (uint32_t call = 2; call < 50; ++call) {
    client.Open(call, kEcho, "alive");
    EXPECT_EQ(client.ReadEnd(call), kOk);
  }
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
}

TEST_P(ServerThreadsTest, WhereNoThreadIsLeftCallsWaitInOrder) {
  Serve({.max_threads = 2});
  StreamClient client = NewClient();
  const bool blocks = std::string(GetParam().name) == "Blocking";
  client.Open(1, kChat);
  client.Write(1, "begun");
  EXPECT_EQ(client.ReadText(1), "begun");
  client.Open(2, kChat);
  client.Write(2, "second");
  if (!blocks) {
    EXPECT_EQ(client.ReadText(2), "second");
  }
  client.AwaitPong();
  // The first handler continues, and the thread that reads reads.
  client.Write(1, "more");
  EXPECT_EQ(client.ReadText(1), "more");
  client.HalfClose(1);
  EXPECT_EQ(client.ReadEnd(1), kOk);
  if (blocks) {
    EXPECT_EQ(client.ReadText(2), "second");
  }
  client.HalfClose(2);
  EXPECT_EQ(client.ReadEnd(2), kOk);
}

TEST_P(ServerThreadsTest, ManyClientsStreamAtOnce) {
  Serve();
  constexpr int kClients = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([this] {
      StreamClient client = NewClient();
      for (uint32_t call = 1; call <= 5; ++call) {
        client.Open(call, kChat);
        for (int j = 0; j < 20; ++j) {
          client.Write(call, std::to_string(j));
          EXPECT_EQ(client.ReadText(call), std::to_string(j));
        }
        client.HalfClose(call);
        EXPECT_EQ(client.ReadEnd(call), kOk);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A service whose handlers leave the calls to the test.
class KeepingHandles final : public StreamService {
 public:
  using This = KeepingHandles;
  using Unary = AsyncServerUnary<Text, Text>;
  using Stream = AsyncServerStream<Text, Text>;

  KeepingHandles()
      : StreamService("test.Keeping", internal::ServeAsync<&This::Echo>::Serve,
                      internal::ServeAsync<&This::Chat>::Serve,
                      internal::ServeAsync<&This::Echo>::Serve,
                      internal::ServeAsync<&This::Chat>::Serve,
                      internal::ServeAsync<&This::Chat>::Serve) {}

  void Echo(Unary call) {
    unary.emplace(std::move(call));
    log().Say("unary");
  }
  void Chat(Stream call) {
    stream.emplace(std::move(call));
    log().Say("stream");
  }

  std::optional<Unary> unary;
  std::optional<Stream> stream;
};

class AsyncHandlesTest : public ::testing::Test {
 protected:
  AsyncHandlesTest() {
    server_->AddService(service_);
    EXPECT_TRUE(server_->Listen(dir_.address()).ok());
    EXPECT_TRUE(server_->Start().ok());
    client_.emplace(dir_.file("socket"), "test.Keeping");
  }

  void OpenUnary() {
    client_->Open(1, StreamClient::kEcho, "request");
    EXPECT_EQ(service_.log().Next(), "unary");
  }
  void OpenStream() {
    client_->Open(1, StreamClient::kChat);
    EXPECT_EQ(service_.log().Next(), "stream");
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  KeepingHandles service_;
  // Without busy polling, so that tests can tell what wakes it.
  std::unique_ptr<Server> server_ = std::make_unique<Server>(
      ServerOptions{.max_busy_poll = absl::ZeroDuration()});
  std::optional<StreamClient> client_;
};

TEST_F(AsyncHandlesTest, ACallEndsWhenAnotherThreadSaysSo) {
  OpenUnary();
  client_->AwaitPong();
  Text reply;
  reply.set_value("reply");
  service_.unary->Finish(reply);
  EXPECT_EQ(StreamClient::TextOf(client_->ReadEndFrame(1).frame.payload),
            "reply");
}

TEST_F(AsyncHandlesTest, AHandleThatIsDroppedEndsItsCall) {
  OpenUnary();
  service_.unary.reset();
  EXPECT_EQ(client_->ReadEnd(1), StreamClient::kInternal);
}

TEST_F(AsyncHandlesTest, AStreamThatIsDroppedEndsItsCall) {
  OpenStream();
  service_.stream.reset();
  EXPECT_EQ(client_->ReadEnd(1), StreamClient::kInternal);
}

TEST_F(AsyncHandlesTest, AHandleThatIsDroppedAfterTheEndChangesNothing) {
  OpenStream();
  service_.stream->Finish(absl::OkStatus());
  service_.stream.reset();
  EXPECT_EQ(client_->ReadEnd(1), StreamClient::kOk);
  client_->AwaitPong();
}

TEST_F(AsyncHandlesTest, APendingCallbackKeepsTheCall) {
  OpenStream();
  std::latch read(1);
  service_.stream->Read([&](std::optional<Text> request) {
    EXPECT_EQ(request->value(), "request");
    read.count_down();
  });
  service_.stream.reset();
  client_->AwaitPong();
  client_->Write(1, "request");
  read.wait();
  EXPECT_EQ(client_->ReadEnd(1), StreamClient::kInternal);
}

TEST_F(AsyncHandlesTest, ACallbackRunsOnAThreadOfTheServer) {
  OpenStream();
  client_->AwaitPong();
  for (int i = 0; i < 20; ++i) {
    std::latch written(1);
    service_.stream->Write(Text(), [&](bool sent) {
      EXPECT_TRUE(sent);
      written.count_down();
    });
    written.wait();
    EXPECT_EQ(client_->ReadText(1), "");
  }
  service_.stream->Finish(absl::OkStatus());
  EXPECT_EQ(client_->ReadEnd(1), StreamClient::kOk);
}

TEST_F(AsyncHandlesTest, WhatWaitsWhenTheServerEndsIsTold) {
  OpenStream();
  bool told = false;
  service_.stream->Read([&](std::optional<Text> request) {
    EXPECT_FALSE(request.has_value());
    EXPECT_TRUE(service_.stream->context().IsCancelled());
    told = true;
    service_.stream->Finish(absl::OkStatus());
  });
  server_.reset();
  EXPECT_TRUE(told);
  service_.stream.reset();
}

TEST_F(AsyncHandlesTest, TheServerWaitsForHandlersThatHaveNotEnded) {
  OpenStream();
  std::latch cancelled(1);
  std::stop_callback told(service_.stream->context().cancellation(),
                          [&] { cancelled.count_down(); });
  std::atomic<bool> gone = false;
  std::thread ending([&] {
    server_.reset();
    gone = true;
  });
  cancelled.wait();
  std::latch written(1);
  service_.stream->Write(Text(), [&](bool sent) {
    EXPECT_FALSE(sent);
    written.count_down();
  });
  written.wait();
  EXPECT_FALSE(gone) << "the server did not wait";
  service_.stream->Finish(absl::OkStatus());
  ending.join();
  service_.stream.reset();
}

TEST_F(AsyncHandlesTest, AServerThatWaitsForHandlersSleeps) {
  OpenStream();
  std::latch cancelled(1);
  std::stop_callback told(service_.stream->context().cancellation(),
                          [&] { cancelled.count_down(); });
  std::thread ending([&] { server_.reset(); });
  cancelled.wait();
  constexpr size_t kWrites = 50;
  {
    // Each wakes the polling thread once, which then polls again.
    const FaultInjection none(
        [](std::string_view, size_t) { return FaultInjection::Fault(); });
    for (size_t i = 0; i < kWrites; ++i) {
      std::latch written(1);
      service_.stream->Write(Text(), [&](bool) { written.count_down(); });
      written.wait();
    }
    EXPECT_LE(none.CountOf("epoll_wait"), 5 * kWrites);
  }
  service_.stream->Finish(absl::OkStatus());
  ending.join();
  service_.stream.reset();
}

// A handler whose replies the kernel refuses.
class BadDescriptors final : public StreamService {
 public:
  using This = BadDescriptors;
  BadDescriptors()
      : StreamService("test.Bad", internal::ServeBlocking<&This::Echo>::Serve,
                      internal::ServeBlocking<&This::Pass>::Serve,
                      internal::ServeBlocking<&This::Echo>::Serve,
                      internal::ServeBlocking<&This::Pass>::Serve,
                      internal::ServeBlocking<&This::Pass>::Serve) {}

  absl::Status Echo(ServerContext&, const Text& request, Text& reply) {
    reply = request;
    return absl::OkStatus();
  }
  // Passes on descriptors; for a message without one it makes one.
  absl::Status Pass(ServerContext& context,
                    ServerStream<Text, FileParcel>& stream) {
    int written = 0;
    Text request;
    while (stream.Read(request)) {
      UniqueFd fd = FileWith("file");
      if (request.value() == "bad") fd = UniqueFd(kNotOpen);
      if (!stream.Write(FileParcel(std::move(fd)))) break;
      ++written;
    }
    Ended(context, 0, written);
    return absl::OkStatus();
  }

 private:
  static constexpr int kNotOpen = 1 << 20;
};

TEST(ServerRefusedFramesTest, AReplyThatTheKernelRefusesEndsItsCallAlone) {
  ExpectSameDescriptors census;
  TempDir dir;
  BadDescriptors service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  StreamClient client(dir.file("socket"), "test.Bad");
  client.Open(1, StreamClient::kPass);
  client.Open(2, StreamClient::kPass);
  client.Write(1, "good");
  EXPECT_EQ(client.Read().descriptors.size(), 1u);
  client.Write(1, "bad");
  EXPECT_EQ(client.ReadEnd(1), StreamClient::kInternal);
  client.Write(1, "late");
  EXPECT_NE(service.log().Next().find("cancelled"), std::string::npos);
  client.Write(2, "good");
  EXPECT_EQ(client.Read().descriptors.size(), 1u);
  client.HalfClose(2);
  EXPECT_EQ(client.ReadEnd(2), StreamClient::kOk);
}

}  // namespace
}  // namespace fdrpc::testing
