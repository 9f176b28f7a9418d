// Servers that replace each other while clients call them all the time.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/restarts.fdrpc.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

class HandingOver final : public Predecessor::Service {
 public:
  explicit HandingOver(Server& server) : server_(server) {}

  absl::Status HandOver(ServerContext&, const HandOverRequest&,
                        Parcel<HandOverReply>& reply) override {
    absl::StatusOr<std::vector<UniqueFd>> listeners = server_.HandOver();
    if (!listeners.ok()) return listeners.status();
    for (UniqueFd& listener : *listeners) {
      reply.add_listeners(std::move(listener));
    }
    return absl::OkStatus();
  }

 private:
  Server& server_;
};

// Serves on the socket of the running server, or as the first one.
absl::Status ListenAfter(const std::string& address, bool first,
                         Server& server) {
  if (first) return server.Listen(address);
  absl::StatusOr<Channel> channel = Channel::Connect(address);
  if (!channel.ok()) return channel.status();
  absl::StatusOr<Parcel<HandOverReply>> reply =
      Predecessor::Stub(*channel).HandOver({}, {.timeout = absl::Minutes(1)});
  if (!reply.ok()) return reply.status();
  return server.Listen(reply->take_listeners(0),
                       Server::SocketFile::kIsRemovedAtTheEnd);
}

pid_t StartServer(const std::string& address, bool first) {
  auto [ready, is_ready] = Pipe();
  const pid_t pid = Fork();
  if (pid == 0) {
    ready.Reset();
    FakeService service;
    Server server;
    HandingOver handing_over(server);
    server.AddService(service);
    server.AddService(handing_over);
    const absl::Status listens = ListenAfter(address, first, server);
    if (!listens.ok()) {
      fprintf(stderr, "%s\n", listens.ToString().c_str());
      _exit(1);
    }
    if (!server.Start().ok()) _exit(2);
    // Like Run(), but ready first.
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    (void)!write(is_ready.get(), "x", 1);
    is_ready.Reset();
    int signal = 0;
    sigwait(&stop, &signal);
    server.Shutdown();
    server.Wait();
    _exit(0);
  }
  is_ready.Reset();
  return ReadRest(ready.get()) == "x" ? pid : -1;
}

bool Ended(pid_t server) {
  kill(server, SIGTERM);
  int status = 0;
  return waitpid(server, &status, 0) == server && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

// A process without threads, which starts each server, and ends its
// predecessor, when told to; forked before the test has threads.
class Supervisor {
 public:
  explicit Supervisor(const std::string& address) {
    auto [orders, orders_in] = Pipe();
    auto [answers_out, answers] = Pipe();
    pid_ = Fork();
    if (pid_ == 0) {
      orders_in.Reset();
      answers_out.Reset();
      // For its servers' sigwait(3).
      sigset_t stop;
      sigemptyset(&stop);
      sigaddset(&stop, SIGTERM);
      sigprocmask(SIG_BLOCK, &stop, nullptr);
      pid_t server = -1;
      char order = 0;
      bool good = true;
      while (read(orders.get(), &order, 1) == 1) {
        const pid_t successor = StartServer(address, server < 0);
        good = good && successor > 0 && (server < 0 || Ended(server));
        server = successor;
        (void)!write(answers.get(), good ? "y" : "n", 1);
      }
      _exit(good && Ended(server) ? 0 : 1);
    }
    orders_ = std::move(orders_in);
    answers_ = std::move(answers_out);
  }
  bool Restart() {
    char answer = 0;
    return write(orders_.get(), "r", 1) == 1 &&
           read(answers_.get(), &answer, 1) == 1 && answer == 'y';
  }
  bool End() {
    orders_.Reset();
    int status = 0;
    return waitpid(pid_, &status, 0) == pid_ && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd orders_;
  UniqueFd answers_;
};

// The statuses of the clients' calls.
class Tally {
 public:
  bool stopped() const { return stopped_.load(); }
  void Stop() { stopped_.store(true); }
  void Add(const char* what, const absl::Status& status) {
    ++calls;
    if (status.ok()) return;
    const std::lock_guard lock(mu_);
    errors_.push_back(std::string(what) + ": " + status.ToString());
  }
  std::vector<std::string> errors() {
    const std::lock_guard lock(mu_);
    return errors_;
  }
  std::atomic<int> calls{0};

 private:
  std::atomic<bool> stopped_{false};
  std::mutex mu_;
  std::vector<std::string> errors_;
};

Parcel<Files> AFile() {
  Parcel<Files> request;
  request.set_first(FileWith("x"));
  return request;
}

void CallBlocking(TestService::Stub stub, Tally& tally) {
  while (!tally.stopped()) {
    tally.Add("Echo", stub.Echo(Text()).status());
    tally.Add("Exchange", stub.Exchange(AFile()).status());
  }
}

void StreamBlocking(TestService::Stub stub, Tally& tally) {
  Text request;
  request.set_number(20);
  while (!tally.stopped()) {
    auto watch = stub.Watch(request);
    int read = 0;
    while (watch.Read().has_value()) ++read;
    absl::Status watched = watch.Finish();
    if (watched.ok() && read != 20) watched = absl::DataLossError("a reply");
    tally.Add("Watch", watched);
    auto chat = stub.ExchangeAll();
    for (int i = 0; i < 5; ++i) {
      if (!chat.Write(AFile()) || !chat.Read().has_value()) break;
    }
    tally.Add("ExchangeAll", chat.Finish());
  }
}

Task<void> CallAndStream(TestService::Stub stub, Tally& tally,
                         std::latch& left) {
  Text request;
  request.set_number(20);
  while (!tally.stopped()) {
    auto exchanged = co_await stub.co().Exchange(AFile());
    tally.Add("co Exchange", exchanged.status());
    auto watch = stub.co().Watch(request);
    absl::Status watched = co_await watch.Finish();
    tally.Add("co Watch", watched);
    auto collect = stub.co().Collect();
    for (int i = 0; i < 5; ++i) {
      bool written = co_await collect.Write(request);
      if (!written) break;
    }
    auto collected = co_await collect.Finish();
    tally.Add("co Collect", collected.status());
  }
  left.count_down();
}

// Clients of every form: some share a channel, which threads read; others have
// their own, which nobody reads between its calls.
class Hammer {
 public:
  explicit Hammer(const std::string& address) {
    TestService::Stub shared(*Channel::Connect(address));
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back(CallBlocking, shared, std::ref(tally));
    }
    threads_.emplace_back(StreamBlocking, shared, std::ref(tally));
    TestService::Stub own(*Channel::Connect(address));
    threads_.emplace_back(CallBlocking, own, std::ref(tally));
    TestService::Stub own_streams(*Channel::Connect(address));
    threads_.emplace_back(StreamBlocking, own_streams, std::ref(tally));
    TestService::Stub looped(*Channel::Connect(address));
    for (int i = 0; i < kCoroutines; ++i) {
      Spawn(CallAndStream(looped, tally, left_));
    }
  }
  // Returns when that many further calls have been made.
  void Await(int calls) {
    const int until = tally.calls.load() + calls;
    while (tally.calls.load() < until) std::this_thread::yield();
  }
  void Stop() {
    tally.Stop();
    for (std::thread& thread : threads_) thread.join();
    left_.wait();
  }
  Tally tally;

 private:
  static constexpr int kCoroutines = 3;
  std::vector<std::thread> threads_;
  std::latch left_{kCoroutines};
};

class RestartsTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Over, RestartsTest, kAllSchemes, SchemeName);

TEST_P(RestartsTest, NoCallFailsWhileTenServersFollowEachOther) {
  TempDir dir;
  Supervisor supervisor(dir.address("socket", GetParam()));
  ASSERT_TRUE(supervisor.Restart());
  Hammer hammer(dir.address("socket", GetParam()));
  for (int restart = 0; restart < 10; ++restart) {
    hammer.Await(100);
    EXPECT_TRUE(supervisor.Restart()) << restart;
  }
  hammer.Await(100);
  hammer.Stop();
  EXPECT_THAT(hammer.tally.errors(), ::testing::IsEmpty());
  EXPECT_TRUE(supervisor.End());
  EXPECT_NE(access(dir.file("socket").c_str(), F_OK), 0)
      << "the last server has not removed its socket";
}

TEST_P(RestartsTest, NoCallFailsWhenConnectionsAreReplacedForTheirAge) {
  TempDir dir;
  FakeService service;
  Server server({.max_connection_age = absl::Milliseconds(5)});
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir.address("socket", GetParam())).ok());
  ASSERT_TRUE(server.Start().ok());
  {
    Hammer hammer(dir.address("socket", GetParam()));
    hammer.Await(3000);
    hammer.Stop();
    EXPECT_THAT(hammer.tally.errors(), ::testing::IsEmpty());
  }
  server.Shutdown();
  server.Wait();
}

TEST_P(RestartsTest, NoCallFailsWhenConnectionsAreEndedForBeingIdle) {
  TempDir dir;
  FakeService service;
  Server server({.max_connection_idle = absl::Milliseconds(1)});
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir.address("socket", GetParam())).ok());
  ASSERT_TRUE(server.Start().ok());
  const FaultInjection counting(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  {
    // During the others' turns, a channel is idle; some a little too long.
    constexpr int kChannels = 50;
    std::vector<TestService::Stub> stubs;
    for (int i = 0; i < kChannels; ++i) {
      stubs.emplace_back(*Channel::Connect(dir.address("socket", GetParam())));
    }
    std::mt19937 random(4711);
    Tally tally;
    while (tally.calls < 10'000 && counting.CountOf("connect") < 1000) {
      TestService::Stub& stub = stubs[random() % kChannels];
      if (random() % 2 == 0) {
        tally.Add("Exchange", stub.Exchange(AFile()).status());
        continue;
      }
      auto chat = stub.Chat();
      const bool written = chat.Write(Text());
      if (written) chat.Read();
      tally.Add("Chat", chat.Finish());
    }
    EXPECT_THAT(tally.errors(), ::testing::IsEmpty());
    EXPECT_GE(counting.CountOf("connect"), 2u * kChannels)
        << "no connection was replaced";
  }
  server.Shutdown();
  server.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
