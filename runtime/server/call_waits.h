#ifndef FDRPC_SERVER_CALL_WAITS_H_
#define FDRPC_SERVER_CALL_WAITS_H_

#include <array>
#include <cstddef>
#include <utility>

#include "base/check.h"
#include "fdrpc/call.h"
#include "os/parker.h"
#include "server/call_runner.h"

namespace fdrpc {

// Threads that have been given what they wait for, and are woken when this goes
// out of scope: behind the lock under which they were given it.
class WokenThreads {
 public:
  WokenThreads() = default;
  ~WokenThreads() {
    for (size_t i = 0; i < count_; ++i) Parker::Wake(addresses_[i]);
  }
  WokenThreads(const WokenThreads&) = delete;
  WokenThreads& operator=(const WokenThreads&) = delete;

  void Add(Parker& parker) {
    if (parker.Give()) addresses_[count_++] = parker.address();
  }

 private:
  std::array<Parker::Address, kCallEvents> addresses_;
  size_t count_ = 0;
};

// Who waits for the events of a call: for each at most one, a thread or a
// continuation, which it borrows. Guarded by the call's lock.
class CallWaits {
 public:
  void Add(CallEvent event, Parker& parker) { Free(event).parker = &parker; }
  void Add(CallEvent event, Continuation& continuation) {
    Free(event).continuation = &continuation;
  }

  // Takes a wait back; false if the continuation does not wait here.
  void Remove(CallEvent event) { At(event) = {}; }
  bool Remove(Continuation& continuation) {
    for (Wait& wait : waits_) {
      if (wait.continuation != &continuation) continue;
      wait = {};
      return true;
    }
    return false;
  }

  // Ends the wait for an event, if there is one.
  void End(CallEvent event, CallRunner& runner, WokenThreads& woken) {
    const Wait ended = std::exchange(At(event), {});
    if (ended.parker != nullptr) woken.Add(*ended.parker);
    if (ended.continuation != nullptr) runner.Post(*ended.continuation);
  }
  void EndAll(CallRunner& runner, WokenThreads& woken) {
    for (int i = 0; i < kCallEvents; ++i) {
      End(static_cast<CallEvent>(i), runner, woken);
    }
  }

 private:
  struct Wait {
    Parker* parker = nullptr;
    Continuation* continuation = nullptr;
  };

  Wait& At(CallEvent event) { return waits_[static_cast<size_t>(event)]; }
  Wait& Free(CallEvent event) {
    Wait& wait = At(event);
    FDRPC_CHECK(wait.parker == nullptr && wait.continuation == nullptr,
                "two wait for one event of a call");
    return wait;
  }

  std::array<Wait, kCallEvents> waits_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_WAITS_H_
