#include "os/parker.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace fdrpc {
namespace {

// futex(2) refuses times before the clock's zero.
timespec ToTimespec(MonotonicTime time) {
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::max(time, MonotonicTime()).time_since_epoch())
                      .count();
  return {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
          .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

bool Parker::Park(MonotonicTime deadline) {
  const bool bounded = deadline != kNoDeadline;
  const timespec until = bounded ? ToTimespec(deadline) : timespec{};
  while (true) {
    uint32_t token = 1;
    if (token_.compare_exchange_strong(token, 0, std::memory_order_acquire)) {
      return true;
    }
    // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC, so being
    // interrupted does not prolong the wait.
    const long result =
        syscall(SYS_futex, &token_, FUTEX_WAIT_BITSET_PRIVATE, 0,
                bounded ? &until : nullptr, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result < 0 && errno == ETIMEDOUT) {
      token = 1;
      return token_.compare_exchange_strong(token, 0,
                                            std::memory_order_acquire);
    }
  }
}

void Parker::Wake(Address address) {
  syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace fdrpc
