#ifndef FDRPC_SERVER_EXECUTOR_H_
#define FDRPC_SERVER_EXECUTOR_H_

#include <memory>

#include "base/monotonic_time.h"
#include "fdrpc/call.h"
#include "os/fork_generation.h"
#include "os/parker.h"

namespace fdrpc {

// Something whose writing can be deferred for a moment, to be done together
// with what follows.
class DeferredWrite {
 public:
  virtual ~DeferredWrite() = default;
  // On any thread, without a lock.
  virtual void WriteNow() = 0;
};

// Runs a server: its polling, and the continuations of its calls. Any thread
// may use it, also under a call's lock: it takes only locks under which no
// other lock is taken. In a child made by fork(2) nothing runs, and nothing is
// queued.
class Executor {
 public:
  virtual ~Executor() = default;

  // Queues `continuation`, which it borrows until that runs. Also after Stop():
  // what waits for a call can outlive its server, and must learn of its end.
  virtual void Post(Continuation& continuation) = 0;
  // Removes one from the queue; false if it is not there, because it runs, has
  // run, or was never posted.
  virtual bool Remove(Continuation& continuation) = 0;

  // Whether WriteNow() will be called soon: once what is queued has run, or
  // when that turns out to take time. False if the caller is to write itself,
  // because nothing follows, or the executor does not run it.
  virtual bool DeferWrite(std::shared_ptr<DeferredWrite> write) = 0;

  // Blocks the calling thread, which may be one of the executor's, until
  // `parker` has a token or, if PollsInPark() is false, `deadline` has passed;
  // false after the deadline. The executor does its other work meanwhile,
  // possibly on this thread.
  virtual bool Park(Parker& parker, MonotonicTime deadline) = 0;
  // Whether Park() may poll on the calling thread. A deadline that the poll
  // knows must then end the wait.
  virtual bool PollsInPark() const = 0;
  // Whether the callback on the calling thread, which could continue, should
  // post the rest instead: nothing else polls meanwhile, and has not for some
  // milliseconds.
  virtual bool TurnIsOver() const { return false; }
  // A token was given to a thread in Park(): `state` is its state, and `polls`
  // what PollsInPark() returned there.
  virtual void OnTokenGiven(Parker::ThreadState state, bool polls) = 0;

  // As Post(), for something that must run even if all threads that may run
  // handlers do, since those may wait for it.
  virtual void PostUrgently(Continuation& continuation) = 0;

  // Polls no more once what is queued has run; called by the polling thread.
  virtual void Stop() = 0;
  // Blocks until that is so. A programmer's error in what the executor runs.
  virtual void AwaitEnd() = 0;
  // Whether the executor runs something on the calling thread.
  virtual bool RunsThisThread() const = 0;

 protected:
  bool inherited_by_fork() const { return fork_mark_.inherited(); }

 private:
  ForkMark fork_mark_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_EXECUTOR_H_
