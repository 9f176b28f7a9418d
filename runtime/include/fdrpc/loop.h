#ifndef FDRPC_LOOP_H_
#define FDRPC_LOOP_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

class ContinuationRunner;
class LoopCore;

struct LoopOptions {
  // How long Run() polls for peers that have been quick to answer before it
  // sleeps, as ServerOptions::max_busy_poll. Within another event loop it never
  // polls.
  absl::Duration max_busy_poll = absl::Microseconds(50);
};

// Runs the asynchronous part of channels, and servers that are started in it:
// it waits for their sockets and deadlines, calls handlers and callbacks, and
// resumes coroutines. Channels without a loop use one of the process, which has
// its own thread from the first asynchronous call on. A process that only makes
// blocking calls has no loop.
//
// Your own loop runs on a thread of yours:
//
//   loop.Run();  // until Stop()
//
// or within another event loop (epoll, libuv, Qt, …), which waits until fd() is
// readable or next_timeout() has passed, and then calls RunReady().
//
// Timers are in fdrpc/alarm.h.
//
// In a child made by fork(2) a loop cannot be used: running it is a
// programmer's error, and making channels and servers in it fails. Make a new
// one there.
//
// Copies are handles to one loop. Channels and servers that use it keep it
// alive; any number of them may share one.
//
// Threads: one thread at a time in Run() or RunReady(); Post() and Stop() from
// any. The loop belongs to the thread that is in Run(), or that called
// RunReady() last and still exists. Server::Wait() depends on that.
class FDRPC_API Loop {
 public:
  // Errors of epoll_create1(2) and eventfd(2), at the limit of open files.
  static absl::StatusOr<Loop> Create(const LoopOptions& options = {});

  // The one of the process, whose thread the first call starts: that of
  // channels without a loop. The same errors.
  static absl::StatusOr<Loop> OfProcess();

  // Blocks and runs what becomes ready, until Stop().
  void Run();
  void Stop();

  // For another event loop to wait for: readable when there is something to do.
  // Borrowed.
  int fd() const;
  // The time after which RunReady() has something to do even if fd() is not
  // readable; infinite if there is no timer. Changes with every RunReady() and
  // every call.
  absl::Duration next_timeout() const;
  // Runs what is ready; does not wait for more.
  void RunReady();

  // Calls `function` on the loop's thread.
  void Post(absl::AnyInvocable<void()> function);
  // Runs continuations on the loop's thread (fdrpc/call.h), for implementations
  // of Call.
  std::shared_ptr<ContinuationRunner> runner() const;

 private:
  friend class Alarm;
  friend class Channel;
  friend class OnClock;  // of the tests
  friend class Server;
  explicit Loop(std::shared_ptr<LoopCore> core) : core_(std::move(core)) {}

  std::shared_ptr<LoopCore> core_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_H_
