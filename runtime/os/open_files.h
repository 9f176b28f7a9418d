#ifndef FDRPC_OS_OPEN_FILES_H_
#define FDRPC_OS_OPEN_FILES_H_

#include <cstddef>

namespace fdrpc {

// How many descriptors this process may have (RLIMIT_NOFILE, the soft limit).
size_t OpenFilesLimit();

// Raises the soft limit to the hard one, which needs no privilege. Where that
// is refused, by a security module perhaps, the limit stays what it is.
void RaiseOpenFilesLimit();

}  // namespace fdrpc

#endif  // FDRPC_OS_OPEN_FILES_H_
