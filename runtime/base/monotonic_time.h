#ifndef FDRPC_BASE_MONOTONIC_TIME_H_
#define FDRPC_BASE_MONOTONIC_TIME_H_

#include <chrono>

#include "absl/time/time.h"

namespace fdrpc {

// A point on CLOCK_MONOTONIC. Deadlines use it, so that setting the wall clock
// neither ends calls nor prolongs them.
using MonotonicTime = std::chrono::steady_clock::time_point;

inline constexpr MonotonicTime kNoDeadline = MonotonicTime::max();

// `now` + `timeout`; kNoDeadline if that cannot be represented, and never
// before the clock's zero.
MonotonicTime DeadlineAfter(MonotonicTime now, absl::Duration timeout);

// The time from `now` to `deadline`; infinite for kNoDeadline.
absl::Duration TimeUntil(MonotonicTime deadline, MonotonicTime now);

// The source of time of a loop, a channel or a server, which is passed to them
// when they are made, so that tests need not wait. Any thread.
class Clock {
 public:
  // CLOCK_MONOTONIC itself.
  static const Clock& Real();

  virtual ~Clock() = default;
  virtual MonotonicTime Now() const = 0;
  // The time of the kernel's last tick. It is up to kCoarseStep late, and costs
  // a tenth of Now() (CLOCK_MONOTONIC_COARSE of clock_gettime(2)).
  virtual MonotonicTime CoarseNow() const { return Now(); }
  static constexpr std::chrono::milliseconds kCoarseStep{10};  // at 100 Hz
  // The time on CLOCK_MONOTONIC until which a thread that waits for `deadline`
  // may sleep before it looks at this clock again. Does not change kNoDeadline
  // and the clock's zero.
  virtual MonotonicTime SleepUntil(MonotonicTime deadline) const {
    return deadline;
  }
};

}  // namespace fdrpc

#endif  // FDRPC_BASE_MONOTONIC_TIME_H_
