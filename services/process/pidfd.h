#ifndef FDRPC_SERVICES_PROCESS_PIDFD_H_
#define FDRPC_SERVICES_PROCESS_PIDFD_H_

namespace fdrpc::process {

// What can be done with a process by a descriptor of it (pidfd_open(2)).

// The process, if it is still there, gets the signal.
void SendSignal(int pidfd, int signal);

// Its process group does. Returns 0 or the error: ESRCH if there is no such
// group, or not yet; EINVAL if the kernel cannot (before Linux 6.9).
int SendSignalToGroup(int pidfd, int signal);

// Whether it has ended, reaped or not.
bool HasEnded(int pidfd);

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_PIDFD_H_
