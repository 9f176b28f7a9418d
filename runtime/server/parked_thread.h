#ifndef FDRPC_SERVER_PARKED_THREAD_H_
#define FDRPC_SERVER_PARKED_THREAD_H_

#include "call/call_waits.h"
#include "os/parker.h"
#include "server/executor.h"

namespace fdrpc {

// A thread whose event has occurred, and which has its token.
struct WokenThread {
  // To be called after the lock under which it was given the token.
  void Wake() const {
    // Before it continues, so that no other thread takes over what it will do.
    executor->OnTokenGiven(state, polls);
    if (state == Parker::ThreadState::kAsleep) Parker::Wake(address);
  }

  Executor* executor;
  Parker::Address address;
  Parker::ThreadState state;
  bool polls;
};

// A thread that waits for an event of a call in Executor::Park().
struct ParkedThread final : CallThread {
  // `in_poll`: Executor::PollsInPark()
  explicit ParkedThread(bool in_poll) : polls(in_poll) {}

  // Its event has occurred. Afterwards it may be gone.
  WokenThread GiveToken(Executor& executor) {
    WokenThread woken = {&executor, parker.address(),
                         Parker::ThreadState::kAwake, polls};
    woken.state = parker.Give();
    return woken;
  }

  Parker parker;
  const bool polls;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_PARKED_THREAD_H_
