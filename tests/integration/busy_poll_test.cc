// When clients and servers poll, and when they sleep.

#include <sched.h>

#include <ctime>
#include <latch>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

size_t CountOfAll(const FaultInjection& counted) {
  size_t count = 0;
  for (const std::string& name : FaultInjection::Names()) {
    count += counted.CountOf(name);
  }
  return count;
}

absl::Duration CpuTime() {
  timespec time = {};
  EXPECT_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time), 0);
  return absl::DurationFromTimespec(time);
}

class BusyPollingTest : public UnaryCallFixture {
 protected:
  static FaultInjection::Fault Nothing(std::string_view, size_t) { return {}; }

  static void Call(TestService::Stub& stub, int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_TRUE(stub.Echo(TextOf("x")).ok());
    }
  }
  // Whatever was busy before, and whatever timers were set for the last calls,
  // handshakes and rings: after a while nothing happens for some time.
  void ExpectSilence() {
    const FaultInjection counted(Nothing);
    const absl::Time give_up = absl::Now() + absl::Seconds(5);
    while (absl::Now() < give_up) {
      // While a timer is set, whoever waits for it looks at this clock again
      // and again.
      clock_.Advance(absl::Seconds(20));
      const size_t calls = CountOfAll(counted);
      const absl::Duration before = CpuTime();
      absl::SleepFor(absl::Milliseconds(300));
      if (CountOfAll(counted) == calls &&
          CpuTime() - before < absl::Milliseconds(100)) {
        return;
      }
    }
    ADD_FAILURE() << "somebody is still busy";
  }
};
INSTANTIATE_TEST_SUITE_P(Over, BusyPollingTest, kAllSchemes, SchemeName);

TEST_P(BusyPollingTest, AnIdleServerAndItsClientsSleep) {
  Serve();
  TestService::Stub stub = NewStub();
  Call(stub, 500);
  ExpectSilence();
  // The same when there were many threads.
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] { Call(stub, 200); });
  }
  for (std::thread& caller : callers) caller.join();
  ExpectSilence();
}

TEST_P(BusyPollingTest, AThreadThatWaitsForLongSleeps) {
  std::latch begun(1);
  std::latch release(1);
  service_.echo = [&](ServerContext&, const Text& request, Text&) {
    if (request.number() == 1) {
      begun.count_down();
      release.wait();
    }
    return absl::OkStatus();
  };
  Serve();
  TestService::Stub stub = NewStub();
  Call(stub, 500);
  std::thread caller([&] { EXPECT_TRUE(stub.Echo(TextOf("x", 1)).ok()); });
  begun.wait();
  ExpectSilence();
  release.count_down();
  caller.join();
  StopServer();  // waits for the handlers, which use this stack
}

TEST_P(BusyPollingTest, WithoutItEachReadIsOfSomething) {
  Serve({.max_busy_poll = absl::ZeroDuration()});
  TestService::Stub stub = NewStub({.max_busy_poll = absl::ZeroDuration()});
  Call(stub, 1);
  const FaultInjection counted(Nothing);
  constexpr int kCalls = 500;
  Call(stub, kCalls);
  // One on each side. A sleeping thread may be woken without a reason.
  EXPECT_LE(counted.CountOf("recvmsg"), 2u * kCalls + 50);
}

TEST_P(BusyPollingTest, CallsThatComeDenselyArePolledFor) {
  cpu_set_t cpus;
  ASSERT_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
  if (CPU_COUNT(&cpus) < 2) GTEST_SKIP() << "there is one CPU only";
  Serve({.max_busy_poll = absl::Milliseconds(1)});
  TestService::Stub stub = NewStub({.max_busy_poll = absl::Milliseconds(1)});
  const FaultInjection counted(Nothing);
  // On a machine with other load, only in quiet moments: one is enough.
  size_t reads = 0;
  for (int batch = 0; batch < 2000 && reads <= 3 * 100; ++batch) {
    const size_t before = counted.CountOf("recvmsg");
    Call(stub, 100);
    reads = counted.CountOf("recvmsg") - before;
  }
  EXPECT_GT(reads, 3u * 100);
}

// Threads that wait on one connection read for each other, hand over, give up
// and are cancelled: if one is not woken, its call, which has no deadline, does
// not end.
class WaitingThreadsTest : public UnaryCallFixture {
 protected:
  void CallFromManyThreads(absl::Duration busy);
};
INSTANTIATE_TEST_SUITE_P(Over, WaitingThreadsTest, kAllSchemes, SchemeName);

void WaitingThreadsTest::CallFromManyThreads(absl::Duration busy) {
  service_.echo = [](ServerContext& context, const Text& request, Text&) {
    // For calls that give up: until they do.
    if (request.number() == 0) return absl::OkStatus();
    std::latch cancelled(1);
    std::stop_callback told(context.cancellation(),
                            [&] { cancelled.count_down(); });
    cancelled.wait();
    return absl::CancelledError();
  };
  constexpr int kThreads = 6;
  constexpr int kCalls = 100;
  Serve({.max_threads = 2 * kThreads, .max_busy_poll = busy});
  TestService::Stub stub = NewStub({.max_busy_poll = busy});
  std::vector<std::thread> callers;
  for (int thread = 0; thread < kThreads; ++thread) {
    callers.emplace_back([&, thread] {
      for (int i = 0; i < kCalls; ++i) {
        switch ((i + thread) % 8) {
          case 0: {
            const absl::Duration timeout = absl::Microseconds(i % 50 * 10);
            EXPECT_EQ(
                stub.Echo(TextOf("x", 1), {.timeout = timeout}).status().code(),
                absl::StatusCode::kDeadlineExceeded);
            break;
          }
          case 4: {
            std::stop_source stop;
            std::thread canceller([&] { stop.request_stop(); });
            EXPECT_EQ(
                stub.Echo(TextOf("x", 1), {.cancellation = stop.get_token()})
                    .status()
                    .code(),
                absl::StatusCode::kCancelled);
            canceller.join();
            break;
          }
          default:
            EXPECT_TRUE(stub.Echo(TextOf("x")).ok());
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_P(WaitingThreadsTest, NoWakeUpIsLostAmongThoseThatSleep) {
  CallFromManyThreads(absl::ZeroDuration());
}

TEST_P(WaitingThreadsTest, NoWakeUpIsLostAmongThosePollingBusily) {
  for (const int microseconds : {5, 50, 1000}) {
    SCOPED_TRACE(microseconds);
    CallFromManyThreads(absl::Microseconds(microseconds));
    StopServer();
  }
}

}  // namespace
}  // namespace fdrpc::testing
