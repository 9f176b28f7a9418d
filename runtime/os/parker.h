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
//   { lock; …; state = parker.Give(); address = parker.address(); }
//   if (state == Parker::ThreadState::kAsleep) Parker::Wake(address);
// Between the two, the parked thread may have continued and destroyed the
// parker. That is harmless: Wake() only passes the address to the kernel. At
// worst that wakes a thread that checks its own condition and sleeps again.
class Parker {
 public:
  using Address = const void*;

  Parker() = default;
  Parker(const Parker&) = delete;
  Parker& operator=(const Parker&) = delete;

  // Blocks until there is a token or `deadline` has passed; false after the
  // deadline. Until `busy_until` it yields the CPU instead of sleeping. Only
  // one thread at a time.
  bool Park(MonotonicTime deadline, MonotonicTime busy_until = MonotonicTime());

  // For a thread that also waits for something else, such as descriptors: it
  // may sleep there between these two calls. Each of them returns whether there
  // was a token, and consumes it; the wait is then over.
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

  // The state of the thread when it was given the token. If it was asleep, call
  // Wake(). If it was waiting elsewhere, interrupt that wait.
  enum class ThreadState { kAwake, kAsleep, kElsewhere };
  [[nodiscard]] ThreadState Give() {
    switch (state_.exchange(kToken, std::memory_order_acq_rel)) {
      case kSleeps:
        return ThreadState::kAsleep;
      case kWaitsElsewhere:
        return ThreadState::kElsewhere;
      default:
        return ThreadState::kAwake;
    }
  }
  Address address() const { return &state_; }
  static void Wake(Address address);

 private:
  static constexpr uint32_t kNone = 0;
  static constexpr uint32_t kToken = 1;
  // Asleep, or about to sleep. The thread enters this state only from kNone, so
  // it sees a token that came first; and the kernel lets it sleep only in this
  // state, so it sees a token that comes later.
  static constexpr uint32_t kSleeps = 2;
  static constexpr uint32_t kWaitsElsewhere = 3;

  bool TakeToken() {
    return state_.exchange(kNone, std::memory_order_acquire) == kToken;
  }

  std::atomic<uint32_t> state_{kNone};
};

}  // namespace fdrpc

#endif  // FDRPC_OS_PARKER_H_
