#ifndef FDRPC_SERVICES_HOST_HELD_PROCESS_H_
#define FDRPC_SERVICES_HOST_HELD_PROCESS_H_

#include <sys/types.h>

namespace fdrpc::host {

// Whether a signal or a debugger has stopped the process, as /proc tells. True
// if it cannot tell, so that nothing is done to a process on a mere suspicion.
bool IsHeld(pid_t pid);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HELD_PROCESS_H_
