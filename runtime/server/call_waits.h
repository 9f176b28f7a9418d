#ifndef FDRPC_SERVER_CALL_WAITS_H_
#define FDRPC_SERVER_CALL_WAITS_H_

#include <array>
#include <cstddef>
#include <utility>

#include "fdrpc/call.h"
#include "os/parker.h"
#include "server/executor.h"

namespace fdrpc {

// A thread that waits for an event of a call in Executor::Park().
struct ParkedThread {
  Parker parker;
  const bool polls;  // Executor::PollsInPark()
};

// Threads that have been given what they wait for, and are woken when this goes
// out of scope: behind the lock under which they were given it.
class WokenThreads {
 public:
  WokenThreads() = default;
  ~WokenThreads() {
    for (size_t i = 0; i < count_; ++i) {
      const Woken& thread = threads_[i];
      // Before it runs on, so that nobody else takes what it will do.
      thread.executor->OnGiven(thread.was, thread.polls);
      if (thread.was == Parker::Was::kAsleep) Parker::Wake(thread.address);
    }
  }
  WokenThreads(const WokenThreads&) = delete;
  WokenThreads& operator=(const WokenThreads&) = delete;

  void Add(ParkedThread& thread, Executor& executor) {
    const bool polls = thread.polls;
    const Parker::Address address = thread.parker.address();
    const Parker::Was was = thread.parker.Give();
    if (was == Parker::Was::kAwake) return;
    threads_[count_++] = {&executor, address, was, polls};
  }

 private:
  struct Woken {
    Executor* executor;
    Parker::Address address;
    Parker::Was was;
    bool polls;
  };
  std::array<Woken, kCallEvents> threads_;
  size_t count_ = 0;
};

// Who waits for the events of a call: for each at most one, a thread or a
// continuation, which it borrows. Guarded by the call's lock.
class CallWaits {
 public:
  // Only if nobody waits for the event.
  void Add(CallEvent event, ParkedThread& thread) {
    At(event).thread = &thread;
  }
  void Add(CallEvent event, Continuation& continuation) {
    At(event).continuation = &continuation;
  }
  bool IsFree(CallEvent event) const {
    const Wait& wait = waits_[static_cast<size_t>(event)];
    return wait.thread == nullptr && wait.continuation == nullptr;
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
  void End(CallEvent event, Executor& executor, WokenThreads& woken) {
    const Wait ended = std::exchange(At(event), {});
    if (ended.thread != nullptr) woken.Add(*ended.thread, executor);
    if (ended.continuation != nullptr) executor.Post(*ended.continuation);
  }
  void EndAll(Executor& executor, WokenThreads& woken) {
    for (int i = 0; i < kCallEvents; ++i) {
      End(static_cast<CallEvent>(i), executor, woken);
    }
  }

 private:
  struct Wait {
    ParkedThread* thread = nullptr;
    Continuation* continuation = nullptr;
  };

  Wait& At(CallEvent event) { return waits_[static_cast<size_t>(event)]; }

  std::array<Wait, kCallEvents> waits_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_WAITS_H_
