#include "os/parker.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "os/busy_poll.h"

namespace fdrpc {
namespace {

// SYS_futex takes a time of two longs. On a 32-bit system with a timespec of 64
// bits (musl, and glibc with _TIME_BITS=64), that type is for another system
// call. (__kernel_long_t: x32 has longs of 32 bits, its kernel of 64.)
constexpr bool kHasKernelsTime =
    sizeof(timespec) == 2 * sizeof(__kernel_long_t);
#ifdef SYS_futex_time64
constexpr long kFutex = kHasKernelsTime ? SYS_futex : SYS_futex_time64;
#else
static_assert(kHasKernelsTime, "SYS_futex would misread a timespec");
constexpr long kFutex = SYS_futex;
#endif

// futex(2) refuses times before the clock's zero.
timespec ToTimespec(MonotonicTime time) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::max(time, MonotonicTime()).time_since_epoch())
                      .count();
  return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
          .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

bool Parker::Park(MonotonicTime deadline, MonotonicTime busy_until) {
  busy_until = std::min(busy_until, deadline);
  if (busy_until != MonotonicTime()) {
    do {
      if (TakeToken()) return true;
      YieldCpu();
    } while (Clock::Real().Now() < busy_until);
  }
  const bool bounded = deadline != kNoDeadline;
  const timespec until = bounded ? ToTimespec(deadline) : timespec{};
  while (!TakeToken()) {
    uint32_t none = kNone;
    if (!state_.compare_exchange_strong(none, kSleeps,
                                        std::memory_order_relaxed)) {
      continue;
    }
    // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, so a signal
    // does not prolong the wait.
    const long result =
        syscall(kFutex, &state_, FUTEX_WAIT_BITSET_PRIVATE, kSleeps,
                bounded ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result < 0 && errno == ETIMEDOUT) return TakeToken();
  }
  return true;
}

void Parker::Wake(Address address) {
  syscall(kFutex, address, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace fdrpc
