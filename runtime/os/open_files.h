#ifndef FDRPC_OS_OPEN_FILES_H_
#define FDRPC_OS_OPEN_FILES_H_

#include <cstddef>

namespace fdrpc {

// How many descriptors this process may have: the soft limit of RLIMIT_NOFILE.
size_t OpenFilesLimit();

// Raises the soft limit to the hard limit, which needs no privilege. If that is
// refused, by a security module for example, the limit stays as it is.
void RaiseOpenFilesLimit();

}  // namespace fdrpc

#endif  // FDRPC_OS_OPEN_FILES_H_
