#ifndef FDRPC_OS_WAIT_READY_H_
#define FDRPC_OS_WAIT_READY_H_

#include "base/monotonic_time.h"

namespace fdrpc {

// Blocks until `fd` is readable (or, if `or_writable`, writable; or has
// failed), until `wakeup_fd` is readable, or until `deadline`; returns early
// when a signal arrives or the wait itself fails. The caller looks at what is
// there: nothing is promised of it.
// True if `wakeup_fd` was found readable.
bool WaitReady(int fd, bool or_writable, int wakeup_fd, MonotonicTime deadline);

}  // namespace fdrpc

#endif  // FDRPC_OS_WAIT_READY_H_
