#ifndef FDRPC_SERVICES_FILEBROKER_OPEN_BENEATH_H_
#define FDRPC_SERVICES_FILEBROKER_OPEN_BENEATH_H_

#include <sys/types.h>

#include <cstdint>

namespace fdrpc::filebroker {

// openat2(2) of a path that the kernel keeps beneath the directory `root`, also
// while names change. Close-on-exec. Returns a descriptor, or -1 with errno
// set. `permissions` count with O_CREAT only.
int OpenBeneath(int root, const char* path, uint64_t flags,
                mode_t permissions = 0);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_OPEN_BENEATH_H_
