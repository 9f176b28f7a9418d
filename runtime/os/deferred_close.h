#ifndef FDRPC_OS_DEFERRED_CLOSE_H_
#define FDRPC_OS_DEFERRED_CLOSE_H_

#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc {

// While it lives, what the UniqueFds of its thread would close stays open, for
// Take() to hand to a thread that can afford to wait. close(2) of a descriptor
// that a peer sent may block for as long as the peer likes: a TCP socket with
// SO_LINGER and unsent data (socket(7)), a file of a FUSE file system.
//
// One at a time on a thread.
class DeferredClose {
 public:
  DeferredClose();
  // Closes what was not taken.
  ~DeferredClose();
  DeferredClose(const DeferredClose&) = delete;
  DeferredClose& operator=(const DeferredClose&) = delete;

  // Ends the deferring and gives what there is to close.
  std::vector<UniqueFd> Take();

 private:
  friend class UniqueFd;

  std::vector<int> fds_;
};

}  // namespace fdrpc

#endif  // FDRPC_OS_DEFERRED_CLOSE_H_
