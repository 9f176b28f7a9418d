// SIGKILL, at any time, to either side of calls of every form and kind.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/resident_growth.h"
#include "tests/support/sanitized.h"
#include "tests/support/spawner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Property;
using ::testing::SizeIs;

constexpr int kRounds = kSanitized ? 15 : 100;
// From this round on, memory must not grow any more.
constexpr int kWarmRounds = kRounds / 4;
constexpr int64_t kMostGrowthKib = 8 << 10;
constexpr uint32_t kSeed = 4711;
// The time is within this many calls.
constexpr int kMostCalls = 200;

Parcel<Files> OneFile() {
  Parcel<Files> request;
  request.set_first(FileWith("x"));
  return request;
}

// Waits for as long as the call is waited for.
absl::Status Hold(ServerContext& context) {
  std::promise<void> cancelled;
  const std::stop_callback on_cancelled(context.cancellation(),
                                        [&] { cancelled.set_value(); });
  cancelled.get_future().wait();
  return context.cancellation_reason();
}

// The channels of a client: one for blocking calls, one for large messages, one
// for the others.
struct Channels {
  explicit Channels(const std::string& address)
      : blocking(*Channel::Connect(address)),
        large(*Channel::Connect(address)),
        looped(*Channel::Connect(address)) {}

  TestService::Stub blocking;
  TestService::Stub large;
  TestService::Stub looped;
};

// Calls of every form and kind, from several loaders at once, each of which
// continues until one of its calls fails. Get and an idle Chat are pending all
// the time.
class Load {
 public:
  explicit Load(const Channels& channels) {
    for (auto loader : {&Load::CallUnary, &Load::CallStreams, &Load::CallGet}) {
      threads_.emplace_back(loader, this, channels.blocking);
    }
    threads_.emplace_back(&Load::CallLarge, this, channels.large);
    EchoByCallback(channels.looped);
    GetByCallback(channels.looped);
    Spawn(CallByCoroutine(channels.looped));
    Spawn(ChatByCoroutine(channels.looped));
  }

  int completed() const { return completed_.load(); }
  bool ended() const { return left_.try_wait(); }
  // The status of each loader's last call.
  std::vector<absl::Status> Await() {
    for (std::thread& thread : threads_) thread.join();
    left_.wait();
    const std::lock_guard lock(mu_);
    return ends_;
  }

  static constexpr int kLoaders = 8;

 private:
  // Whether the loader is to continue.
  bool Went(const absl::Status& status) {
    if (status.ok()) {
      ++completed_;
      return true;
    }
    {
      const std::lock_guard lock(mu_);
      ends_.push_back(status);
    }
    left_.count_down();
    return false;
  }

  void CallUnary(TestService::Stub stub) {
    while (Went(stub.Echo(Text()).status()) &&
           Went(stub.Exchange(OneFile()).status())) {
    }
  }
  void CallLarge(TestService::Stub stub) {
    Text request;
    request.set_data(std::string(300 << 10, 'x'));
    while (Went(stub.Echo(request).status())) {
    }
  }
  void CallGet(TestService::Stub stub) { Went(stub.Get(Text()).status()); }
  void CallStreams(TestService::Stub stub) {
    Text request;
    request.set_number(20);
    while (true) {
      auto watch = stub.Watch(request);
      while (watch.Read().has_value()) {
      }
      if (!Went(watch.Finish())) return;
      auto collect = stub.Collect();
      for (int i = 0; i < 5 && collect.Write(request); ++i) {
      }
      if (!Went(collect.Finish().status())) return;
      auto files = stub.ExchangeAll();
      for (int i = 0; i < 5; ++i) {
        if (!files.Write(OneFile()) || !files.Read().has_value()) break;
      }
      if (!Went(files.Finish())) return;
    }
  }

  void EchoByCallback(TestService::Stub stub) {
    stub.async().Echo(Text(), {}, [this, stub](absl::StatusOr<Text> reply) {
      if (Went(reply.status())) EchoByCallback(stub);
    });
  }
  void GetByCallback(TestService::Stub stub) {
    stub.async().Get(Text(), {}, [this](absl::StatusOr<Parcel<Files>> reply) {
      Went(reply.status());
    });
  }
  Task<void> CallByCoroutine(TestService::Stub stub) {
    Text request;
    request.set_number(20);
    while (true) {
      auto exchanged = co_await stub.co().Exchange(OneFile());
      if (!Went(exchanged.status())) co_return;
      auto watch = stub.co().Watch(request);
      absl::Status watched = co_await watch.Finish();
      if (!Went(watched)) co_return;
      auto files = stub.co().PutAll();
      for (int i = 0; i < 5; ++i) {
        bool written = co_await files.Write(OneFile());
        if (!written) break;
      }
      auto put = co_await files.Finish();
      if (!Went(put.status())) co_return;
    }
  }
  Task<void> ChatByCoroutine(TestService::Stub stub) {
    auto chat = stub.co().Chat();
    bool written = co_await chat.Write(Text());
    while (written) {
      auto reply = co_await chat.Read();
      written = reply.has_value();
    }
    absl::Status status = co_await chat.Finish();
    Went(status);
  }

  std::atomic<int> completed_{0};
  std::latch left_{kLoaders};
  std::mutex mu_;
  std::vector<absl::Status> ends_;
  std::vector<std::thread> threads_;
};

// The parameter is the scheme of addresses.
class KillTest : public ::testing::TestWithParam<const char*> {
 protected:
  // The process's loop stays, and must not be counted.
  void StartLoop() {
    std::promise<absl::Status> failed;
    TestService::Stub(*Channel::Connect(dir_.address("nobody")))
        .async()
        .Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
          failed.set_value(reply.status());
        });
    EXPECT_FALSE(failed.get_future().get().ok());
  }
  std::string address() const {
    return std::string(GetParam()) + dir_.file("socket");
  }

  TempDir dir_;
  std::mt19937 random_{kSeed};
};

TEST_P(KillTest, AServerAtAnyMomentEndsEveryCallWithUnavailable) {
  Spawner servers([this](UniqueFd ready) {
    FakeService service;
    service.get = [](ServerContext& context, const Text&, Parcel<Files>&) {
      return Hold(context);
    };
    Server server;
    server.AddService(service);
    if (!server.Listen(address()).ok()) return 1;
    if (!server.Start().ok()) return 2;
    (void)!write(ready.get(), "x", 1);
    ready.Reset();
    server.Wait();
    return 0;
  });
  StartLoop();
  const ExpectSameDescriptors census;
  const Channels channels(address());
  std::optional<ResidentGrowth> growth;
  for (int round = 0; round < kRounds; ++round) {
    if (round == kWarmRounds) growth.emplace(getpid());
    // On the path where the previous one has left its socket.
    const pid_t server = servers.Start();
    ASSERT_GT(server, 0) << "round " << round;
    Load load(channels);
    const int moment = static_cast<int>(random_() % kMostCalls);
    while (load.completed() < moment && !load.ended()) {
      std::this_thread::yield();
    }
    ASSERT_EQ(kill(server, SIGKILL), 0);
    EXPECT_THAT(load.Await(),
                AllOf(SizeIs(Load::kLoaders),
                      Each(Property(&absl::Status::code,
                                    absl::StatusCode::kUnavailable))))
        << "round " << round;
    EXPECT_EQ(servers.AwaitEnd(), -SIGKILL);
  }
  EXPECT_TRUE(kSanitized || growth->Kib() < kMostGrowthKib) << growth->Kib();
}

// Handlers that count themselves: how many are in progress, how many have
// returned, and what reasons the cancelled ones got.
class CountedService {
 public:
  CountedService() {
    service.get = [this](ServerContext& context, const Text&, Parcel<Files>&) {
      ++held;
      return Hold(context);
    };
    Count(service.echo);
    Count(service.exchange);
    Count(service.get);
    Count(service.watch);
    Count(service.collect);
    Count(service.chat);
    Count(service.put_all);
    Count(service.exchange_all);
  }
  std::vector<absl::Status> TakeReasons() {
    const std::lock_guard lock(mu_);
    return std::exchange(reasons_, {});
  }

  FakeService service;
  std::atomic<int> in_progress{0};
  std::atomic<int> returned{0};
  std::atomic<int> held{0};

 private:
  template <typename... Args>
  void Count(std::function<absl::Status(ServerContext&, Args...)>& handler) {
    handler = [this, counted = std::move(handler)](ServerContext& context,
                                                   Args... args) {
      ++in_progress;
      absl::Status status = counted(context, args...);
      if (context.IsCancelled()) {
        const std::lock_guard lock(mu_);
        reasons_.push_back(context.cancellation_reason());
      }
      ++returned;
      --in_progress;
      return status;
    };
  }

  std::mutex mu_;
  std::vector<absl::Status> reasons_;
};

TEST_P(KillTest, AClientAtAnyMomentCancelsItsCallsAndLeavesNothing) {
  Spawner clients([this](UniqueFd ready) {
    (void)!write(ready.get(), "x", 1);
    ready.Reset();
    const Channels channels(address());
    Load load(channels);
    // It is killed before.
    return static_cast<int>(load.Await().size());
  });
  const ExpectSameDescriptors census;
  CountedService counted;
  Server server;
  server.AddService(counted.service);
  ASSERT_TRUE(server.Listen(address()).ok());
  ASSERT_TRUE(server.Start().ok());
  const DescriptorCensus idle = TakeCensus();
  std::optional<ResidentGrowth> growth;
  for (int round = 0; round < kRounds; ++round) {
    if (round == kWarmRounds) growth.emplace(getpid());
    const int moment =
        counted.returned + static_cast<int>(random_() % kMostCalls);
    const pid_t client = clients.Start();
    ASSERT_GT(client, 0);
    while (counted.returned < moment) std::this_thread::yield();
    ASSERT_EQ(kill(client, SIGKILL), 0);
    EXPECT_EQ(clients.AwaitEnd(), -SIGKILL) << "round " << round;
    // Including those of the client's connections that are closed last.
    EXPECT_EQ(TakeCensusExpecting(idle), idle) << "round " << round;
    while (counted.in_progress > 0) std::this_thread::yield();
    const std::vector<absl::Status> reasons = counted.TakeReasons();
    EXPECT_THAT(reasons, Each(Property(&absl::Status::code,
                                       absl::StatusCode::kUnavailable)));
  }
  EXPECT_TRUE(kSanitized || growth->Kib() < kMostGrowthKib) << growth->Kib();
  EXPECT_GT(counted.held, kRounds) << "hardly any round had held calls";
  server.Shutdown();
  server.Wait();
}

INSTANTIATE_TEST_SUITE_P(Schemes, KillTest, kAllSchemes, SchemeName);

}  // namespace
}  // namespace fdrpc::testing
