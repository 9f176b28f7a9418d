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

// The time of the kernel's last tick: up to kCoarseStep behind, for a tenth of
// what Clock::Real().Now() costs (CLOCK_MONOTONIC_COARSE of clock_gettime(2)).
MonotonicTime CoarseNow();
inline constexpr std::chrono::milliseconds kCoarseStep{10};  // at 100 Hz

// Where code that must be tested without waiting gets the time from.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;

  // CLOCK_MONOTONIC itself.
  static const Clock& Real();
};

}  // namespace fdrpc

#endif  // FDRPC_BASE_MONOTONIC_TIME_H_
