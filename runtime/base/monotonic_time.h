#ifndef FDRPC_BASE_MONOTONIC_TIME_H_
#define FDRPC_BASE_MONOTONIC_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace fdrpc {

// A point on CLOCK_MONOTONIC. Deadlines are kept on it, so that setting the
// wall clock neither ends calls nor keeps them alive.
using MonotonicTime = std::chrono::steady_clock::time_point;

inline constexpr MonotonicTime kNoDeadline = MonotonicTime::max();

// `now` + `timeout`; kNoDeadline where that cannot be represented, and never
// before the clock's zero.
MonotonicTime DeadlineAfter(MonotonicTime now, absl::Duration timeout);

// What is left at `now` until `deadline`; infinite for kNoDeadline.
absl::Duration TimeUntil(MonotonicTime deadline, MonotonicTime now);

// Where a loop, a channel and a server have the time from: what they are given
// when they are made, so that tests need not wait for it. Any thread.
class Clock {
 public:
  // CLOCK_MONOTONIC itself.
  static const Clock& Real();

  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  // The time of the last tick: up to kCoarseStep behind, for a tenth of what
  // Now() costs (CLOCK_MONOTONIC_COARSE of clock_gettime(2)).
  virtual MonotonicTime CoarseNow() const { return Now(); }
  static constexpr std::chrono::milliseconds kCoarseStep{10};  // at 100 Hz
  // Until when, on CLOCK_MONOTONIC, who waits for `deadline` may sleep before
  // it looks at this clock again; kNoDeadline and the clock's zero stay what
  // they are.
  virtual MonotonicTime SleepUntil(MonotonicTime deadline) const {
    return deadline;
  }
};

}  // namespace fdrpc

#endif  // FDRPC_BASE_MONOTONIC_TIME_H_
