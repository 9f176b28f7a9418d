// Handlers and clients on a loop that never have to wait: they notice what the
// peer does nevertheless.

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/monotonic_time.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

// So few small messages never wait for room, and making them takes a second.
constexpr int kMostWrites = 1000;

// The cost of making a message: the loop's thread is busy meanwhile.
void Compute() {
  const MonotonicTime until =
      Clock::Real().Now() + std::chrono::milliseconds(1);
  while (Clock::Real().Now() < until) {
  }
}

// Writes until that fails, starting after a signal. Reports whether it failed.
class Busy {
 public:
  void Begin() { begun_.store(true); }
  // Before each message; false after the last one.
  bool Next() {
    while (!begun_.load()) {
    }
    Compute();
    return ++written_ < kMostWrites;
  }
  void Tell(bool heard) { heard_.set_value(heard); }
  bool heard() { return heard_.get_future().get(); }

 private:
  std::atomic<bool> begun_{false};
  int written_ = 0;
  std::promise<bool> heard_;
};

class CoBusy final : public TestService::CoService {
 public:
  explicit CoBusy(Busy& busy) : busy_(busy) {}
  Task<absl::Status> Watch(ServerContext&, const Text& request,
                           CoServerWriter<Text>& replies) override {
    bool sent = co_await replies.Write(request);
    while (sent && busy_.Next()) sent = co_await replies.Write(request);
    busy_.Tell(!sent);
    co_return absl::OkStatus();
  }

 private:
  Busy& busy_;
};

class AsyncBusy final : public TestService::AsyncService {
 public:
  explicit AsyncBusy(Busy& busy) : busy_(busy) {}
  void Watch(AsyncServerWriter<Text, Text> call) override {
    call.Write(Text(), [this, call](bool sent) mutable {
      if (sent && busy_.Next()) return Watch(call);
      busy_.Tell(!sent);
      call.Finish(absl::OkStatus());
    });
  }

 private:
  Busy& busy_;
};

class TurnsTest : public ::testing::Test {
 protected:
  void Serve(Service& service, std::optional<Loop> loop = std::nullopt) {
    server_.AddService(service);
    ASSERT_TRUE(server_.Listen(address_).ok());
    ASSERT_TRUE(
        (loop.has_value() ? server_.Start(*loop) : server_.Start()).ok());
  }
  TestService::Stub NewStub(ChannelOptions options = {}) {
    return TestService::Stub(*Channel::Connect(address_, std::move(options)));
  }
  // A client leaves once it has a reply, in both possible ways.
  void ExpectHeard(Busy& busy, bool cancels) {
    std::optional<TestService::Stub> stub = NewStub();
    auto call = stub->Watch(Text());
    EXPECT_TRUE(call.Read().has_value());
    if (cancels) {
      call.Cancel();
    } else {
      auto gone = std::move(call);
      stub.reset();
    }
    busy.Begin();
    EXPECT_TRUE(busy.heard());
  }

  ExpectSameDescriptors census_;
  RunningLoop running_;
  TempDir dir_;
  const std::string address_ = dir_.address();
  Server server_;
};

class GoingClientTest : public TurnsTest,
                        public ::testing::WithParamInterface<bool> {};
INSTANTIATE_TEST_SUITE_P(, GoingClientTest, ::testing::Bool(),
                         [](const auto& parameter) {
                           return parameter.param ? "Cancels" : "Goes";
                         });

TEST_P(GoingClientTest, IsNoticedByACoroutineInALoop) {
  Busy busy;
  CoBusy service(busy);
  Serve(service, running_.loop());
  ExpectHeard(busy, GetParam());
}

TEST_P(GoingClientTest, IsNoticedByACoroutineOfAServerWithThreads) {
  Busy busy;
  CoBusy service(busy);
  Serve(service);
  ExpectHeard(busy, GetParam());
}

TEST_P(GoingClientTest, IsNoticedByCallbacksInALoop) {
  Busy busy;
  AsyncBusy service(busy);
  Serve(service, running_.loop());
  ExpectHeard(busy, GetParam());
}

// Ends a call that has a request, and nothing else: so the client's messages
// must have been written, and the client must read.
class EndsAtOnce final : public TestService::Service {
 public:
  absl::Status Chat(ServerContext&, ServerStream<Text, Text>& stream) override {
    return stream.Read().has_value() ? absl::AbortedError("enough")
                                     : absl::InternalError("no request");
  }
};

internal::DetachedTask WriteMany(TestService::Stub stub, Busy& busy,
                                 std::promise<absl::Status>& end) {
  auto call = stub.co().Chat();
  bool sent = true;
  while (sent && busy.Next()) sent = co_await call.Write(Text());
  busy.Tell(!sent);
  end.set_value(co_await call.Finish());
}

TEST_F(TurnsTest, AServerThatEndsTheCallIsNoticedByACoroutine) {
  EndsAtOnce service;
  Serve(service);
  Busy busy;
  busy.Begin();
  std::promise<absl::Status> end;
  running_.loop().Post([&, stub = NewStub({.loop = running_.loop()})] {
    WriteMany(stub, busy, end);
  });
  EXPECT_TRUE(busy.heard());
  EXPECT_EQ(end.get_future().get().code(), absl::StatusCode::kAborted);
}

TEST_F(TurnsTest, AServerThatEndsTheCallIsNoticedByCallbacks) {
  EndsAtOnce service;
  Serve(service);
  Busy busy;
  busy.Begin();
  auto call = NewStub({.loop = running_.loop()}).async().Chat();
  std::function<void(bool)> write = [&](bool sent) {
    if (sent && busy.Next()) return call.Write(Text(), write);
    busy.Tell(!sent);
  };
  call.Write(Text(), write);
  EXPECT_TRUE(busy.heard());
  std::promise<absl::Status> end;
  call.Finish([&](absl::Status status) { end.set_value(std::move(status)); });
  EXPECT_EQ(end.get_future().get().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace fdrpc::testing
