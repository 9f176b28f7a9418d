#ifndef FDRPC_OS_CONNECT_FAILURE_H_
#define FDRPC_OS_CONNECT_FAILURE_H_

#include "absl/status/status.h"
#include "os/unix_address.h"

namespace fdrpc {

// What connect(2) to that address failed with, in words: which component of the
// path is missing, is in the way or may not be used, and by whom. UNAVAILABLE
// if a server may come: ENOENT, ECONNREFUSED. Looks at the file system, which
// may have changed meanwhile.
absl::Status ConnectFailure(const UnixAddress& address, int error);

}  // namespace fdrpc

#endif  // FDRPC_OS_CONNECT_FAILURE_H_
