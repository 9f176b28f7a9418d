#ifndef FDRPC_OS_WAKEUP_H_
#define FDRPC_OS_WAKEUP_H_

#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"
#include "os/fork_generation.h"
#include "os/own_fd.h"

namespace fdrpc {

// Wakes a thread that waits for descriptors to become ready: an eventfd(2) that
// is readable from Notify() until Clear(). Notify() is safe in a signal handler
// and on any thread; in a child after fork(2) it does nothing, since the thread
// is the parent's.
class Wakeup {
 public:
  static absl::StatusOr<Wakeup> Create();

  void Notify() const;
  void Clear() const;
  int fd() const { return fd_.get(); }

 private:
  explicit Wakeup(UniqueFd fd) : fd_(std::move(fd)) {}

  OwnFd fd_;
  ForkMark fork_mark_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_WAKEUP_H_
