#ifndef FDRPC_OS_CONNECT_FAILURE_H_
#define FDRPC_OS_CONNECT_FAILURE_H_

#include "absl/status/status.h"
#include "os/unix_address.h"

namespace fdrpc {

// What connect(2) to that address failed with, in words: what is in the way or
// may not be used, and by whom. UNAVAILABLE if a server may come (ENOENT,
// ECONNREFUSED); cheap to make then, since who waits for the server makes many.
absl::Status ConnectFailure(const UnixAddress& address, int error);

// That status of UNAVAILABLE, with which component of the path is missing. For
// who is going to read it: looks at the file system, which may have changed
// meanwhile.
absl::Status WhyNobodyListens(const UnixAddress& address,
                              const absl::Status& failure);

}  // namespace fdrpc

#endif  // FDRPC_OS_CONNECT_FAILURE_H_
