#ifndef FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CALL_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CALL_H_

#include "fdrpc/call.h"
#include "tests/codegen/generated/wait_list.h"

namespace fdrpc {

// How both sides of a call that runs on one thread wait. End is ClientCall or
// ServerCall.
template <typename End>
class DirectCall : public End {
 public:
  explicit DirectCall(WaitList& waits) : waits_(waits) {}

  // Meanwhile lets others continue. If there are none, the wait is in vain:
  // then there are no more messages, and no status.
  void Await(CallEvent event) override {
    while (!this->Ready(event) && waits_.RunOne()) {
    }
  }
  void Notify(CallEvent event, Continuation& continuation) override {
    waits_.Add(*this, event, continuation);
  }
  void Forget(Continuation& continuation) override {
    waits_.Remove(continuation);
  }

 private:
  WaitList& waits_;
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_DIRECT_CALL_H_
