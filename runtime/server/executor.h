#ifndef FDRPC_SERVER_EXECUTOR_H_
#define FDRPC_SERVER_EXECUTOR_H_

#include <memory>

#include "base/monotonic_time.h"
#include "fdrpc/call.h"
#include "os/fork_generation.h"
#include "os/parker.h"

namespace fdrpc {

// Something whose writing can be put off for a moment, to be done together with
// what follows.
class PutOffWrite {
 public:
  virtual ~PutOffWrite() = default;
  // On any thread, without a lock.
  virtual void WriteNow() = 0;
};

// What runs a server: its polling, and the continuations of its calls. Any
// thread may use it, also under a call's lock: it takes only locks under which
// nothing else is locked. In a child after fork(2) nothing runs, and nothing is
// queued.
class Executor {
 public:
  virtual ~Executor() = default;

  // Queues `continuation`, which it borrows until that runs. Also after Stop():
  // what waits for a call can outlive its server, and must hear of its end.
  virtual void Post(Continuation& continuation) = 0;
  // Takes one out of the queue; false if it is not there: it runs, has run, or
  // was never posted.
  virtual bool Remove(Continuation& continuation) = 0;

  // Whether WriteNow() will be called soon: once what is queued has run, or
  // when it turns out that this takes time. False if the caller is to write
  // itself, since nothing follows, or it is not run by this.
  virtual bool PutOff(std::shared_ptr<PutOffWrite> write) = 0;

  // Blocks the calling thread, which the executor may be running something on,
  // until `parker` has a token or, if PollsInPark() is false, `deadline` has
  // passed; false if it was the deadline. The executor sees to everything else
  // meanwhile, perhaps on this thread.
  virtual bool Park(Parker& parker, MonotonicTime deadline) = 0;
  // Whether Park() may poll on the calling thread: what has a deadline is then
  // to be ended by one of those that the poll knows.
  virtual bool PollsInPark() const = 0;
  // Whether what runs on the calling thread, and could go on, is to be posted
  // instead: nothing else polls meanwhile, and has not for some milliseconds.
  virtual bool TurnIsOver() const { return false; }
  // A token was given to a thread in Park(), which was as `was` says and
  // `polls` as PollsInPark() said there.
  virtual void OnGiven(Parker::Was was, bool polls) = 0;

  // As Post(), of what runs even if all threads that may run handlers do, since
  // it may be what they wait for.
  virtual void PostUrgently(Continuation& continuation) = 0;
  // There may be something to do sooner than the thread that polls, or waits to
  // poll, knows.
  virtual void InterruptPoll() = 0;

  // Polls no more once what is queued has run; the polling thread says so.
  virtual void Stop() = 0;
  // Blocks until that is so. A programmer's error for what the executor runs.
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
