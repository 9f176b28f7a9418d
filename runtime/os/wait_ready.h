#ifndef FDRPC_OS_WAIT_READY_H_
#define FDRPC_OS_WAIT_READY_H_

#include "base/monotonic_time.h"

namespace fdrpc {

// Blocks until `fd` is readable or has failed (with `or_writable`, also until
// it is writable), until `wakeup_fd` is readable or `room_fd`, if it is not -1,
// writable, or until `deadline`. May return early, after a signal or if the
// wait itself fails, so the caller must check what is ready. Returns true if
// `wakeup_fd` was readable.
bool WaitReady(int fd, bool or_writable, int wakeup_fd, MonotonicTime deadline,
               int room_fd = -1);

}  // namespace fdrpc

#endif  // FDRPC_OS_WAIT_READY_H_
