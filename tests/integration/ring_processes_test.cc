// Processes whose connections move to rings in shared memory, and that are
// killed, are stopped, or fork, at each of their system calls.

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/sanitized.h"
#include "tests/support/spawner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

enum class Event { kKilled, kStopped, kForks };

// What is to happen to a process, and what has: in memory that it shares with
// the test.
struct Orders {
  Event event = Event::kKilled;
  int at = 0;  // which of its system calls, from 1
  std::atomic<int> made{0};
  enum State { kToCome, kHappened, kOver };  // over: it will not happen
  std::atomic<State> state{kToCome};

  bool Becomes(State next) {
    State to_come = kToCome;
    return state.compare_exchange_strong(to_come, next);
  }
  bool happened() const { return state == kHappened; }
};

// A child of fork(2) in the middle of anything, which lives as long as this
// process.
void ForkOneThatLives() {
  static const auto pipe = new std::pair<UniqueFd, UniqueFd>(Pipe());
  if (fork() != 0) return;
  close(pipe->second.get());
  char end;
  while (read(pipe->first.get(), &end, 1) < 0) {
  }
  _exit(0);
}

// For the process itself: has that happen.
FaultInjection::Plan PlanOf(Orders& orders) {
  return [&orders](std::string_view, size_t) {
    if (++orders.made == orders.at && orders.Becomes(Orders::kHappened)) {
      switch (orders.event) {
        case Event::kKilled:
          kill(getpid(), SIGKILL);
          break;
        case Event::kStopped:
          kill(getpid(), SIGSTOP);
          break;
        case Event::kForks:
          ForkOneThatLives();
          break;
      }
    }
    return FaultInjection::Fault{};
  };
}

// One call of each kind: their first failure.
absl::Status CallEachKind(const Channel& channel, const CallOptions& options) {
  TestService::Stub stub(channel);
  const absl::StatusOr<Text> echo = stub.Echo(TextOf("x", 7), options);
  if (!echo.ok()) return echo.status();
  if (echo->number() != 7) return absl::DataLossError("another echo");
  Parcel<Files> request;
  request.set_first(FileWith("y"));
  absl::StatusOr<Parcel<Files>> exchanged =
      stub.Exchange(std::move(request), options);
  if (!exchanged.ok()) return exchanged.status();
  if (ReadRest(exchanged->take_first().get()) != "y") {
    return absl::DataLossError("another file");
  }
  auto watch = stub.Watch(Numbered(5), options);
  int read = 0;
  while (watch.Read().has_value()) ++read;
  if (absl::Status status = watch.Finish(); !status.ok()) return status;
  if (read != 5) return absl::DataLossError("a reply of Watch");
  auto chat = stub.Chat(options);
  for (int i = 0; i < 3; ++i) {
    // One goes over the socket.
    const std::string text(i == 1 ? 100'000 : 10, 'z');
    if (!chat.Write(TextOf(text, i))) break;
    const std::optional<Text> back = chat.Read();
    if (!back.has_value()) break;
    if (back->number() != i || back->text() != text) {
      return absl::DataLossError("another message of Chat");
    }
  }
  return chat.Finish();
}

// What it does until it moves to rings, and in them.
constexpr int kRoundsWithRings = 4;

bool IsStopped(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(status, line);
  const size_t state = line.rfind(") ");
  return state != std::string::npos && line[state + 2] == 'T';
}

class RingProcessesTest
    : public ::testing::TestWithParam<std::tuple<const char*, Event>> {
 protected:
  // Each step; under a sanitizer some.
  static constexpr int kStep = kSanitized ? 11 : 1;

  RingProcessesTest()
      : orders_(*new (mmap(nullptr, sizeof(Orders), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Orders) {
    orders_.event = event();
  }
  ~RingProcessesTest() override { munmap(&orders_, sizeof(Orders)); }

  static Event event() { return std::get<1>(GetParam()); }
  void Order(int at) {
    orders_.at = at;
    orders_.made = 0;
    orders_.state = Orders::kToCome;
  }
  // A process that is to be stopped has been; false if it ends without that.
  bool AwaitStop(pid_t pid) const {
    while (orders_.state == Orders::kToCome) std::this_thread::yield();
    while (orders_.happened() && !IsStopped(pid)) std::this_thread::yield();
    return orders_.happened();
  }

  TempDir dir_;
  const std::string address_ = dir_.address("socket", std::get<0>(GetParam()));
  Orders& orders_;
};

std::string NameOfCase(
    const ::testing::TestParamInfo<RingProcessesTest::ParamType>& info) {
  const char* const events[] = {"Killed", "Stopped", "Forks"};
  return SchemeName({std::get<0>(info.param), info.index}) +
         events[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(Over, RingProcessesTest,
                         ::testing::Combine(kAllSchemes,
                                            ::testing::Values(Event::kKilled,
                                                              Event::kStopped,
                                                              Event::kForks)),
                         NameOfCase);

// The client: 0 if all of its calls succeed, in rings in the end.
int CallInRings(const std::string& address) {
  const Channel channel = *Channel::Connect(address, {.rings = Rings::kAtOnce});
  for (int round = 0; round < kRoundsWithRings; ++round) {
    const absl::Status status = CallEachKind(channel, {});
    if (!status.ok()) {
      fprintf(stderr, "%s\n", status.ToString().c_str());
      return 1;
    }
  }
  return channel.uses_rings() ? 0 : 2;
}

TEST_P(RingProcessesTest, AClientAtEachStepHarmsNobodyElse) {
  Spawner clients([this](UniqueFd ready) {
    (void)!write(ready.get(), "x", 1);
    ready.Reset();
    int result = 0;
    {
      const FaultInjection faults(PlanOf(orders_));
      result = CallInRings(address_);
    }
    orders_.Becomes(Orders::kOver);
    return result;
  });
  const ExpectSameDescriptors census;
  FakeService service;
  Server server({.rings = Rings::kAtOnce});
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  {
    const Channel good = *Channel::Connect(address_, {.rings = Rings::kAtOnce});
    bool happened = true;
    for (int at = 1; happened; at += kStep) {
      SCOPED_TRACE(at);
      Order(at);
      const pid_t client = clients.Start();
      ASSERT_GT(client, 0);
      if (event() == Event::kStopped && AwaitStop(client)) {
        // The others do not wait for it.
        EXPECT_TRUE(CallEachKind(good, {}).ok());
        kill(client, SIGCONT);
      }
      const int end = clients.AwaitEnd();
      happened = orders_.happened();
      EXPECT_EQ(end, event() == Event::kKilled && happened ? -SIGKILL : 0);
      const absl::Status status = CallEachKind(good, {});
      EXPECT_TRUE(status.ok()) << status;
      // Its memory is given back.
      while (server.statistics().ring_connections > 1) {
        std::this_thread::yield();
      }
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_TRUE(good.uses_rings());
  }
  server.Shutdown();
  server.Wait();
}

TEST_P(RingProcessesTest, AServerAtEachStepEndsCallsOrGoesOn) {
  Spawner servers([this](UniqueFd ready) {
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, nullptr);
    FakeService service;
    Server server({.rings = Rings::kAtOnce});
    server.AddService(service);
    if (!server.Listen(address_).ok() || !server.Start().ok()) return 1;
    // Not before it has said that it is ready, for which the test waits.
    std::atomic<bool> is_ready{false};
    std::optional<FaultInjection> faults(
        [plan = PlanOf(orders_), &is_ready](std::string_view name, size_t nth) {
          return is_ready ? plan(name, nth) : FaultInjection::Fault{};
        });
    (void)!write(ready.get(), "x", 1);
    ready.Reset();
    is_ready = true;
    int signal = 0;
    sigwait(&stop, &signal);
    faults.reset();
    server.Shutdown();
    server.Wait();
    return 0;
  });
  const ExpectSameDescriptors census;
  bool happened = true;
  for (int at = 1; happened; at += kStep) {
    SCOPED_TRACE(at);
    Order(at);
    const pid_t server = servers.Start();
    ASSERT_GT(server, 0);
    const Channel channel =
        *Channel::Connect(address_, {.rings = Rings::kAtOnce});
    absl::Status status;
    std::optional<std::jthread> continues;
    if (event() == Event::kStopped) {
      continues.emplace([&] {
        if (AwaitStop(server)) kill(server, SIGCONT);
      });
    }
    for (int round = 0; round < kRoundsWithRings && status.ok(); ++round) {
      status = CallEachKind(channel, {});
    }
    orders_.Becomes(Orders::kOver);
    continues.reset();
    happened = orders_.happened();
    if (event() == Event::kKilled && happened) {
      // It may also die behind the last reply.
      EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
    } else {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_TRUE(channel.uses_rings());
    }
    kill(server, SIGTERM);
    EXPECT_EQ(servers.AwaitEnd(),
              event() == Event::kKilled && happened ? -SIGKILL : 0);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace fdrpc::testing
