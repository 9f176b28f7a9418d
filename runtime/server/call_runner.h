#ifndef FDRPC_SERVER_CALL_RUNNER_H_
#define FDRPC_SERVER_CALL_RUNNER_H_

#include <memory>

#include "base/monotonic_time.h"
#include "fdrpc/call.h"
#include "os/parker.h"
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

  // As the Executor's.
  virtual bool Park(Parker& parker, MonotonicTime deadline) = 0;
  virtual bool PollsInPark() const = 0;
  virtual bool TurnIsOver() const { return false; }
  virtual void OnGiven(Parker::Was was, bool polls) = 0;
  virtual void PostUrgently(Continuation& continuation) = 0;

  // Has the call's OnDeadline() called once its deadline has passed, until
  // ForgetDeadline().
  virtual void WatchDeadline(IncomingCall& call) = 0;
  virtual void ForgetDeadline(IncomingCall& call) = 0;

 protected:
  ~CallRunner() = default;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_RUNNER_H_
