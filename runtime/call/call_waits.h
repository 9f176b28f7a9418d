#ifndef FDRPC_CALL_CALL_WAITS_H_
#define FDRPC_CALL_CALL_WAITS_H_

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "fdrpc/call.h"

namespace fdrpc {

// A thread that waits for an event of a call. Clients and servers have their
// own kinds, which know how it sleeps and is woken.
class CallThread {
 protected:
  ~CallThread() = default;
};

// A wait for an event, by a thread or a continuation; or none.
struct CallWait {
  explicit operator bool() const {
    return thread != nullptr || continuation != nullptr;
  }

  CallThread* thread = nullptr;
  Continuation* continuation = nullptr;
};

// The waits for the events of a call: at most one for each. Borrows the threads
// and continuations, and wakes none of them.
class CallWaits {
 public:
  bool empty() const { return awaited_ == 0; }
  bool IsFree(CallEvent event) const { return (awaited_ & Bit(event)) == 0; }
  const CallWait& Of(CallEvent event) const { return waits_[Index(event)]; }

  // Only if there is no wait for the event.
  void Add(CallEvent event, CallWait wait) {
    assert(IsFree(event));
    waits_[Index(event)] = wait;
    awaited_ |= Bit(event);
  }
  CallWait Take(CallEvent event) {
    awaited_ &= static_cast<uint8_t>(~Bit(event));
    const CallWait taken = waits_[Index(event)];
    waits_[Index(event)] = {};
    return taken;
  }
  // Remove a wait; false if it is not here, because it has ended or was never
  // added.
  bool Remove(CallEvent event, const CallThread& thread) {
    return Of(event).thread == &thread && Take(event);
  }
  bool Remove(const Continuation& continuation) {
    for (int i = 0; i < kCallEvents; ++i) {
      const auto event = static_cast<CallEvent>(i);
      if (Of(event).continuation == &continuation) return bool{Take(event)};
    }
    return false;
  }

 private:
  static size_t Index(CallEvent event) { return static_cast<size_t>(event); }
  static uint8_t Bit(CallEvent event) {
    return static_cast<uint8_t>(1u << Index(event));
  }

  std::array<CallWait, kCallEvents> waits_;
  uint8_t awaited_ = 0;  // one bit for each event
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_CALL_WAITS_H_
