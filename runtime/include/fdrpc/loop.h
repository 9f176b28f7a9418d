#ifndef FDRPC_LOOP_H_
#define FDRPC_LOOP_H_

#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

class LoopCore;

struct LoopOptions {
  // For how long Run(), when it waits for peers that have been quick to answer,
  // polls before it sleeps; as ServerOptions::max_busy_poll. Within another
  // loop it never does.
  absl::Duration max_busy_poll = absl::Microseconds(50);
};

// Where the asynchronous part of channels runs, and all of a server, if it is
// started in one: it waits for their sockets and deadlines, and calls handlers
// and callbacks and goes on with coroutines. A channel that is given none uses
// one of the process, which has a thread of its own from the first asynchronous
// call on; a process that only makes blocking calls has none.
//
// A loop of one's own either runs on a thread of one's own:
//
//   loop.Run();  // until Stop()
//
// or within another event loop (epoll, libuv, Qt, …), which waits until fd() is
// readable or next_timeout() has passed, and then calls RunReady().
//
// Timers are in fdrpc/alarm.h.
//
// In a child after fork(2) it cannot be used: to run it is a programmer's
// error, and channels and servers in it fail to be made. Make a new one there.
//
// Copies are handles to one loop. Channels and servers that use it keep it; any
// number of them may share one.
//
// Threads: one thread at a time in Run() or RunReady(); Post() and Stop() from
// any. The loop is that thread's: while it is in Run(), and from a RunReady()
// on until it ends. That is of interest to those who wait for something that
// the loop does (Server::Wait()).
class Loop {
 public:
  // Errors of epoll_create1(2) and eventfd(2): at the limit of open files.
  static absl::StatusOr<Loop> Create(const LoopOptions& options = {});

  // Blocks and runs what becomes ready, until Stop().
  void Run();
  void Stop();

  // For another event loop to wait for: readable when there is something to do.
  // Borrowed.
  int fd() const;
  // After how long RunReady() has something to do even if fd() is not readable:
  // infinite if nothing is planned. Changes with every RunReady() and call.
  absl::Duration next_timeout() const;
  // Runs what is ready; does not wait for more.
  void RunReady();

  // Has `function` called on the loop's thread.
  void Post(absl::AnyInvocable<void()> function);

 private:
  friend class Alarm;
  friend class Channel;
  friend class Server;
  explicit Loop(std::shared_ptr<LoopCore> core) : core_(std::move(core)) {}

  std::shared_ptr<LoopCore> core_;
};

}  // namespace fdrpc

#endif  // FDRPC_LOOP_H_
