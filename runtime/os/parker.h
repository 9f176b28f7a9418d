#ifndef FDRPC_OS_PARKER_H_
#define FDRPC_OS_PARKER_H_

#include <atomic>
#include <cstdint>

#include "base/monotonic_time.h"

namespace fdrpc {

// Puts one thread to sleep until another gives it a token (futex(2)). Each
// Park() consumes the token; tokens do not add up.
//
// Giving and waking are two steps, so that a token can be given under a lock
// and the system call made after it:
//   { lock; …; wake = parker.Give(); address = parker.address(); }
//   if (wake) Parker::Wake(address);
// Between the two the parked thread may have run on and destroyed the parker.
// That is harmless: Wake() only passes the address to the kernel, which at
// worst wakes a thread that checks its own condition and sleeps again.
class Parker {
 public:
  using Address = const void*;

  Parker() = default;
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;

  // Blocks until there is a token or `deadline` has passed; false if it was the
  // deadline. Until `busy_until` it does not sleep, but lets others run. Only
  // one thread at a time.
  bool Park(MonotonicTime deadline, MonotonicTime busy_until = MonotonicTime());

  // Whether Wake() is to follow: not if the thread does not sleep.
  [[nodiscard]] bool Give() {
    return state_.exchange(kToken, std::memory_order_acq_rel) == kSleeps;
  }
  Address address() const { return &state_; }
  static void Wake(Address address);

 private:
  static constexpr uint32_t kNone = 0;
  static constexpr uint32_t kToken = 1;
  // Or is about to: it goes there from kNone only, so that a token that comes
  // first is seen; and the kernel lets it sleep only while it is there, so that
  // one that comes later is, too.
  static constexpr uint32_t kSleeps = 2;

  bool TakeToken() {
    return state_.exchange(kNone, std::memory_order_acquire) == kToken;
  }

  std::atomic<uint32_t> state_{kNone};
};

}  // namespace fdrpc

#endif  // FDRPC_OS_PARKER_H_
