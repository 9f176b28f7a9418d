#ifndef FDRPC_OS_FORK_GENERATION_H_
#define FDRPC_OS_FORK_GENERATION_H_

#include <cstdint>

#include "fdrpc/internal/export.h"

namespace fdrpc {

// A number that differs between a process and the children that it forks. An
// object that was made under another number was inherited. Costs a load and no
// system call.
FDRPC_API uint32_t ForkGeneration();

// Remembers in which process the object was made that has this as a member.
class ForkMark {
 public:
  // Whether this is a child's copy, made by fork(2).
  bool inherited() const { return ForkGeneration() != generation_; }

 private:
  uint32_t generation_ = ForkGeneration();
};

}  // namespace fdrpc

#endif  // FDRPC_OS_FORK_GENERATION_H_
