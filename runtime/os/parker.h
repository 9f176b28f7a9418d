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
//   { lock; …; was = parker.Give(); address = parker.address(); }
//   if (was == Parker::Was::kAsleep) Parker::Wake(address);
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

  // For a thread that waits for something else as well, such as for
  // descriptors: until the end of that it may sleep there. Each says whether
  // there was a token, and consumes it; then the wait has ended.
  bool BeginOtherWait() {
    uint32_t state = kNone;
    return !state_.compare_exchange_strong(state, kWaitsElsewhere,
                                           std::memory_order_acq_rel) &&
           TakeToken();
  }
  bool EndOtherWait() { return TakeToken(); }
  bool has_token() const {
    return state_.load(std::memory_order_acquire) == kToken;
  }

  // What the thread did when it was given the token: if it is asleep, Wake() is
  // to follow; if it waits elsewhere, what ends that.
  enum class Was { kAwake, kAsleep, kElsewhere };
  [[nodiscard]] Was Give() {
    switch (state_.exchange(kToken, std::memory_order_acq_rel)) {
      case kSleeps:
        return Was::kAsleep;
      case kWaitsElsewhere:
        return Was::kElsewhere;
      default:
        return Was::kAwake;
    }
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
  static constexpr uint32_t kWaitsElsewhere = 3;

  bool TakeToken() {
    return state_.exchange(kNone, std::memory_order_acquire) == kToken;
  }

  std::atomic<uint32_t> state_{kNone};
};

}  // namespace fdrpc

#endif  // FDRPC_OS_PARKER_H_
