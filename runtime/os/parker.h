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
//   { lock; …; parker.Give(); address = parker.address(); }
//   Parker::Wake(address);
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
  // deadline. Only one thread at a time.
  bool Park(MonotonicTime deadline);

  void Give() { token_.store(1, std::memory_order_release); }
  Address address() const { return &token_; }
  static void Wake(Address address);

 private:
  std::atomic<uint32_t> token_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_OS_PARKER_H_
