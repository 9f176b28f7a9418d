#include "os/syscalls.h"

namespace fdrpc {

constinit const Syscalls Syscalls::real;
constinit std::atomic<const Syscalls*> Syscalls::current{&Syscalls::real};

}  // namespace fdrpc
