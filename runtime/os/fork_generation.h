#ifndef FDRPC_OS_FORK_GENERATION_H_
#define FDRPC_OS_FORK_GENERATION_H_

#include <cstdint>

namespace fdrpc {

// A number that differs between a process and its children by fork(2): what was
// made under another number was inherited. Costs a load, not a system call.
uint32_t ForkGeneration();

}  // namespace fdrpc

#endif  // FDRPC_OS_FORK_GENERATION_H_
