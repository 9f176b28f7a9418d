#ifndef FDRPC_OS_WATCH_TIMER_H_
#define FDRPC_OS_WATCH_TIMER_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/unique_fd.h"
#include "os/own_fd.h"

namespace fdrpc {

// A timer that one thread sleeps on and other threads set: a timerfd(2).
// Setting it costs a system call, and wakes nobody until it expires.
class WatchTimer {
 public:
  static absl::StatusOr<WatchTimer> Create();

  // Sets the timer to expire once, `after` from now (at least a nanosecond),
  // instead of at its former time.
  void Set(absl::Duration after) const;
  void Stop() const;
  // Blocks until the timer has expired since the last Await(). May return
  // early.
  void Await() const;
  int fd() const { return fd_.get(); }

 private:
  explicit WatchTimer(UniqueFd fd) : fd_(std::move(fd)) {}

  OwnFd fd_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_WATCH_TIMER_H_
