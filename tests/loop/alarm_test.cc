#include "fdrpc/alarm.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "tests/support/manual_clock.h"
#include "tests/support/on_clock.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {
namespace {

TEST(AlarmTest, RingsOnTheLoopsThreadOnceTheTimeHasPassed) {
  ManualClock clock;
  RunningLoop loop(OnClock::NewLoop(clock));
  Alarm alarm(loop.loop());
  std::promise<std::thread::id> rang;
  const MonotonicTime began = clock.Now();
  MonotonicTime rang_at;
  alarm.Set(absl::Hours(1), [&](bool in_time) {
    EXPECT_TRUE(in_time);
    rang_at = clock.Now();
    rang.set_value(std::this_thread::get_id());
  });
  clock.Advance(absl::Hours(1) - absl::Nanoseconds(1));
  loop.loop().Post([] {});
  clock.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(rang.get_future().get(), loop.thread());
  EXPECT_EQ(rang_at, began + std::chrono::hours(1));
}

TEST(AlarmTest, OfNoTimeRingsAtOnceButLater) {
  Loop loop = NewLoop();
  Alarm alarm(loop);
  for (const absl::Duration after :
       {absl::ZeroDuration(), -absl::InfiniteDuration()}) {
    std::optional<bool> rang;
    alarm.Set(after, [&](bool in_time) { rang = in_time; });
    EXPECT_FALSE(rang.has_value());
    EXPECT_EQ(loop.next_timeout(), absl::ZeroDuration());
    loop.RunReady();
    EXPECT_EQ(rang, true);
  }
}

TEST(AlarmTest, CancelledIsToldSoAndLeavesNothingInTheLoop) {
  Loop loop = NewLoop();
  Alarm alarm(loop);
  std::optional<bool> rang;
  alarm.Cancel();  // has no effect
  alarm.Set(absl::Hours(1), [&](bool in_time) { rang = in_time; });
  EXPECT_LE(loop.next_timeout(), absl::Hours(1));
  alarm.Cancel();
  alarm.Cancel();
  EXPECT_FALSE(rang.has_value());
  loop.RunReady();
  EXPECT_EQ(rang, false);
  EXPECT_EQ(loop.next_timeout(), absl::InfiniteDuration());
}

TEST(AlarmTest, SetAnewOrDestroyedCancelsWhatWasSet) {
  Loop loop = NewLoop();
  std::vector<bool> rang;
  const auto note = [&](bool in_time) { rang.push_back(in_time); };
  {
    Alarm alarm(loop);
    alarm.Set(absl::Hours(1), note);
    alarm.Set(absl::InfiniteDuration(), note);
    Alarm moved = std::move(alarm);
    moved.Set(absl::Hours(2), note);
  }
  while (loop.next_timeout() == absl::ZeroDuration()) loop.RunReady();
  EXPECT_EQ(rang, std::vector<bool>(3, false));
  EXPECT_EQ(loop.next_timeout(), absl::InfiniteDuration());
}

TEST(AlarmTest, CanBeSetAgainByWhatItCalls) {
  Loop loop = NewLoop();
  Alarm alarm(loop);
  int left = 3;
  std::function<void(bool)> again = [&](bool in_time) {
    EXPECT_TRUE(in_time);
    if (--left > 0) alarm.Set(absl::ZeroDuration(), again);
  };
  alarm.Set(absl::ZeroDuration(), again);
  while (left > 0) loop.RunReady();
}

TEST(AlarmTest, WaitsInACoroutineWithALoopOfTheProcess) {
  absl::StatusOr<Alarm> alarm = Alarm::Create();
  ASSERT_TRUE(alarm.ok()) << alarm.status();
  EXPECT_TRUE(BlockOn(alarm->Wait(absl::Milliseconds(1))));
  std::future<bool> waits = std::async(
      std::launch::async, [&] { return BlockOn(alarm->Wait(absl::Hours(1))); });
  // It may not have been set yet.
  while (waits.wait_for(std::chrono::milliseconds(1)) !=
         std::future_status::ready) {
    alarm->Cancel();
  }
  EXPECT_FALSE(waits.get());
}

TEST(AlarmTest, ACoroutineThatGoesTakesItsWaitBack) {
  Loop loop = NewLoop();
  Alarm alarm(loop);
  bool went_on = false;
  {
    // Not begun by an await, so that the test can destroy it.
    struct Held {
      struct promise_type {
        Held get_return_object() {
          return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() noexcept {}
      };
      std::coroutine_handle<promise_type> coroutine;
    };
    const auto wait = [](Alarm& on, bool& to) -> Held {
      const bool rang = co_await on.Wait(absl::ZeroDuration());
      to = rang || !rang;
    };
    wait(alarm, went_on).coroutine.destroy();
    const Held cancelled = wait(alarm, went_on);
    alarm.Cancel();
    cancelled.coroutine.destroy();
  }
  for (int i = 0; i < 3; ++i) loop.RunReady();
  EXPECT_FALSE(went_on);
  EXPECT_EQ(loop.next_timeout(), absl::InfiniteDuration());
}

TEST(AlarmTest, SetsAndCancelsOnManyThreadsEndEachOnce) {
  RunningLoop loop;
  std::atomic<int> ended = 0;
  constexpr int kThreads = 4;
  constexpr int kTimes = 500;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        Alarm alarm(loop.loop());
        for (int n = 0; n < kTimes; ++n) {
          alarm.Set(absl::Microseconds(n % 7), [&](bool) { ++ended; });
          if (i % 2 == 0) alarm.Cancel();
        }
      });
    }
  }
  while (ended < kThreads * kTimes) std::this_thread::yield();
}

}  // namespace
}  // namespace fdrpc::testing
