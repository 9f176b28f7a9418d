#ifndef FDRPC_SERVICES_LAUNCHER_PROCESS_EVENTS_H_
#define FDRPC_SERVICES_LAUNCHER_PROCESS_EVENTS_H_

#include <sys/types.h>

#include <cstdint>

#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "fdrpc/shared_fd.h"
#include "services/process/process_end.h"

namespace fdrpc::launcher {

Parcel<v1::ProcessEvent> StartedEvent(uint64_t id, pid_t pid, SharedFd pidfd);
// 0: it continues.
Parcel<v1::ProcessEvent> StopEvent(int stop_signal);
Parcel<v1::ProcessEvent> EndedEvent(const process::ProcessEnd& end);

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_PROCESS_EVENTS_H_
