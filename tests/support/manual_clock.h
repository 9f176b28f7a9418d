#ifndef FDRPC_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define FDRPC_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <atomic>
#include <chrono>

#include "absl/time/time.h"
#include "base/monotonic_time.h"

namespace fdrpc::testing {

// A clock that stands still until the test moves it. Who waits for a time of it
// looks again every millisecond, so nobody has to be woken. Busy polling must
// be off, which would wait for time to pass.
class ManualClock final : public Clock {
 public:
  MonotonicTime Now() const override {
    return MonotonicTime(MonotonicTime::duration(now_.load()));
  }
  MonotonicTime SleepUntil(MonotonicTime deadline) const override {
    if (deadline == kNoDeadline) return kNoDeadline;
    if (deadline <= Now()) return MonotonicTime();
    return Clock::Real().Now() + std::chrono::milliseconds(1);
  }

  void Advance(absl::Duration by) {
    now_.fetch_add(absl::ToInt64Nanoseconds(by));
  }
  // Moves by `step` until `wait`, which waits for a millisecond at most,
  // returns true: for what begins to wait for a time nobody knows when.
  template <typename Wait>
  void AdvanceUntil(absl::Duration step, Wait wait) {
    while (!wait(std::chrono::milliseconds(1))) Advance(step);
  }

 private:
  // Not near the clock's zero, which deadlines do not go behind.
  std::atomic<MonotonicTime::rep> now_{
      MonotonicTime::duration(std::chrono::hours(1000)).count()};
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_MANUAL_CLOCK_H_
