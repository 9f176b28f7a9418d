#include "base/monotonic_time.h"

#include <ctime>

namespace fdrpc {

MonotonicTime DeadlineAfter(MonotonicTime now, absl::Duration timeout) {
  if (timeout > absl::FromChrono(kNoDeadline - now)) return kNoDeadline;
  // The lower limit keeps the difference of two times from overflowing.
  constexpr MonotonicTime kZero;
  if (timeout < absl::FromChrono(kZero - now)) return kZero;
  return now + absl::ToChronoNanoseconds(timeout);
}

absl::Duration TimeUntil(MonotonicTime deadline, MonotonicTime now) {
  if (deadline == kNoDeadline) return absl::InfiniteDuration();
  return absl::FromChrono(deadline - now);
}

const Clock& Clock::Real() {
  class RealClock final : public Clock {
   public:
    MonotonicTime Now() const override {
      return std::chrono::steady_clock::now();
    }
    MonotonicTime CoarseNow() const override {
      timespec now = {};
      clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
      return MonotonicTime(std::chrono::seconds(now.tv_sec) +
                           std::chrono::nanoseconds(now.tv_nsec));
    }
  };
  static const RealClock clock;
  return clock;
}

}  // namespace fdrpc
