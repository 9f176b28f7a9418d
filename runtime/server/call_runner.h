#ifndef FDRPC_SERVER_CALL_RUNNER_H_
#define FDRPC_SERVER_CALL_RUNNER_H_

#include <memory>

#include "fdrpc/call.h"
#include "server/executor.h"

namespace fdrpc {

class IncomingCall;

// What the calls of a server need of its threads. Any thread may use it, also
// under a call's lock: it takes only locks under which nothing else is locked.
class CallRunner {
 public:
  // Has `continuation`, which it borrows, run on a thread of the server, in
  // order.
  virtual void Post(Continuation& continuation) = 0;
  // Takes one back. False if it is not queued: it runs, has run, or was never
  // posted.
  virtual bool TakeBack(Continuation& continuation) = 0;

  // As Executor::PutOff().
  virtual bool PutOff(std::shared_ptr<PutOffWrite> write) = 0;

  // The calling thread, which may be one of the server's, is about to block
  // until something arrives.
  virtual void AboutToBlock() = 0;

  // Has the call's OnDeadline() called once its deadline has passed, until
  // ForgetDeadline().
  virtual void WatchDeadline(IncomingCall& call) = 0;
  virtual void ForgetDeadline(IncomingCall& call) = 0;

 protected:
  ~CallRunner() = default;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_RUNNER_H_
