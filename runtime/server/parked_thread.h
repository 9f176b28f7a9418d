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
      const Entry& thread = threads_[i];
      // Before it continues, so that no other thread takes over what it will
      // do.
      thread.executor->OnGiven(thread.state, thread.polls);
      if (thread.state == Parker::ThreadState::kAsleep)
        Parker::Wake(thread.address);
    }
  }
  WokenThreads(const WokenThreads&) = delete;
  WokenThreads& operator=(const WokenThreads&) = delete;

  void Add(ParkedThread& thread, Executor& executor) {
    const bool polls = thread.polls;
    const Parker::Address address = thread.parker.address();
    const Parker::ThreadState state = thread.parker.Give();
    if (state == Parker::ThreadState::kAwake) return;
    threads_[count_++] = {&executor, address, state, polls};
  }

 private:
  struct Entry {
    Executor* executor;
    Parker::Address address;
    Parker::ThreadState state;
    bool polls;
  };
  std::array<Entry, kCallEvents> threads_;
  size_t count_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_PARKED_THREAD_H_
