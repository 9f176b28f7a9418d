#ifndef FDRPC_SERVER_EXECUTOR_H_
#define FDRPC_SERVER_EXECUTOR_H_

#include <memory>

#include "fdrpc/call.h"

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
// thread may use it, also under a call's lock.
class Executor {
 public:
  virtual ~Executor() = default;

  // Queues `continuation`, which it borrows until that runs. Also after Stop():
  // what waits for a call can outlive its server, and must hear of its end.
  virtual void Post(Continuation& continuation) = 0;
  // Takes one out of the queue; false if it is not there.
  virtual bool Remove(Continuation& continuation) = 0;

  // Whether WriteNow() will be called soon: once what is queued has run, or
  // when it turns out that this takes time. False if the caller is to write
  // itself, since nothing follows, or it is not run by this.
  virtual bool PutOff(std::shared_ptr<PutOffWrite> write) = 0;

  // What the calling thread runs is about to block until something arrives.
  virtual void AboutToBlock() = 0;
  // There may be something to do sooner than the thread that polls, or waits to
  // poll, knows.
  virtual void InterruptPoll() = 0;

  // Polls no more once what is queued has run; the polling thread says so.
  virtual void Stop() = 0;
  // Blocks until that is so. Not for what the executor runs.
  virtual void AwaitEnd() = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_EXECUTOR_H_
