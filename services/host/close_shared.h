#ifndef FDRPC_SERVICES_HOST_CLOSE_SHARED_H_
#define FDRPC_SERVICES_HOST_CLOSE_SHARED_H_

#include "fdrpc/shared_fd.h"

namespace fdrpc::host {

// Gives up a descriptor that a service has sent. If this is the last owner, it
// is closed in the background: closing it may take as long as its sender likes.
void CloseShared(SharedFd file);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CLOSE_SHARED_H_
