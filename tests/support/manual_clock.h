#ifndef FDRPC_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define FDRPC_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <utility>

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

// A clock that the test moves. A thread that waits for a time checks the clock
// again every millisecond, so nobody has to be woken.
class ManualClock final : public Clock {
 public:
  enum class Between {
    // Between two moves, and busy polling must be off, which would wait for
    // time to pass.
    kStandsStill,
    kRuns,
  };
  explicit ManualClock(Between between = Between::kStandsStill)
      : between_(between) {}

  bool runs() const { return between_ == Between::kRuns; }
  MonotonicTime Now() const override {
    const MonotonicTime from = runs() ? Clock::Real().Now() : MonotonicTime();
    return from + MonotonicTime::duration(moved_.load());
  }
  MonotonicTime SleepUntil(MonotonicTime deadline) const override {
    if (deadline == kNoDeadline) return kNoDeadline;
    const auto left = deadline - Now();
    if (left <= left.zero()) return MonotonicTime();
    constexpr std::chrono::nanoseconds kLongest = std::chrono::milliseconds(1);
    return Clock::Real().Now() + std::min(left, kLongest);
  }

  void Advance(absl::Duration by) {
    moved_.fetch_add(absl::ToInt64Nanoseconds(by));
  }
  // Moves the clock in steps until `wait`, which blocks for at most a
  // millisecond, returns true: for code that begins to wait at a time that the
  // test does not know.
  template <typename Wait>
  void AdvanceUntil(absl::Duration step, Wait wait) {
    constexpr int kMost = 60'000;  // longer than any machine needs
    for (int i = 0; i < kMost; ++i) {
      if (wait(std::chrono::milliseconds(1))) return;
      Advance(step);
    }
    ADD_FAILURE() << "what the test waits for does not come";
  }
  // Moves the clock in steps until `function`, which blocks, has returned.
  template <typename Function>
  void AdvanceWhile(absl::Duration step, Function function) {
    const std::future<void> ended =
        std::async(std::launch::async, std::move(function));
    AdvanceUntil(step, [&](auto within) {
      return ended.wait_for(within) == std::future_status::ready;
    });
  }

 private:
  const Between between_;
  // Not near the clock's zero, since deadlines cannot be before it.
  std::atomic<MonotonicTime::rep> moved_{
      MonotonicTime::duration(std::chrono::hours(1000)).count()};
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_MANUAL_CLOCK_H_
