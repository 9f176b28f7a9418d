#ifndef FDRPC_SERVER_PARKED_THREAD_H_
#define FDRPC_SERVER_PARKED_THREAD_H_

#include <array>
#include <cstddef>

#include "call/call_waits.h"
#include "fdrpc/call.h"
#include "os/parker.h"
#include "server/executor.h"

namespace fdrpc {

// A thread that waits for an event of a call in Executor::Park().
struct ParkedThread final : CallThread {
  // `in_poll`: Executor::PollsInPark()
  explicit ParkedThread(bool in_poll) : polls(in_poll) {}

  Parker parker;
  const bool polls;
};

// Threads whose event has occurred, and which the destructor wakes: after the
// lock under which they were added is released.
class WokenThreads {
 public:
  WokenThreads() = default;
  ~WokenThreads() {
    for (size_t i = 0; i < count_; ++i) {
      const Woken& thread = threads_[i];
      // Before it continues, so that no other thread takes over what it will
      // do.
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

}  // namespace fdrpc

#endif  // FDRPC_SERVER_PARKED_THREAD_H_
