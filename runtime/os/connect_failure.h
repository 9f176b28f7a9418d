#ifndef FDRPC_OS_CONNECT_FAILURE_H_
#define FDRPC_OS_CONNECT_FAILURE_H_

#include "absl/status/status.h"
#include "os/unix_address.h"

namespace fdrpc {

// A status for the errno of a failed connect(2) to `address`, in words: what is
// in the way, or what may not be used and by whom. UNAVAILABLE if a server may
// come (ENOENT, ECONNREFUSED). That case is cheap, since a call that waits for
// a server makes many of them.
absl::Status ConnectFailure(const UnixAddress& address, int error);

// The same status of UNAVAILABLE with more detail: which component of the path
// is missing. For a status that somebody will read: it looks at the file
// system, which may have changed meanwhile.
absl::Status ExplainNoListener(const UnixAddress& address,
                               const absl::Status& failure);

}  // namespace fdrpc

#endif  // FDRPC_OS_CONNECT_FAILURE_H_
