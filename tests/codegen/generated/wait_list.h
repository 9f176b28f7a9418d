#ifndef FDRPC_TESTS_CODEGEN_GENERATED_WAIT_LIST_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_WAIT_LIST_H_

#include <algorithm>
#include <list>

#include "fdrpc/call.h"

namespace fdrpc {

// The waits on both sides of a call, until the test lets them continue.
class WaitList {
 public:
  void Add(Call& call, CallEvent event, Continuation& continuation) {
    waits_.push_back({&call, event, &continuation});
  }
  void Remove(Continuation& continuation) {
    waits_.remove_if(
        [&](const Wait& wait) { return wait.continuation == &continuation; });
  }

  // Runs one whose event is ready; false if there is none.
  bool RunOne() {
    const auto ready = std::find_if(
        waits_.begin(), waits_.end(),
        [](const Wait& wait) { return wait.call->Ready(wait.event); });
    if (ready == waits_.end()) return false;
    Continuation& continuation = *ready->continuation;
    waits_.erase(ready);
    continuation.Run();
    return true;
  }
  void Run() {
    while (RunOne()) {
    }
  }

  bool empty() const { return waits_.empty(); }

 private:
  struct Wait {
    Call* call;
    CallEvent event;
    Continuation* continuation;
  };
  std::list<Wait> waits_;
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_WAIT_LIST_H_
