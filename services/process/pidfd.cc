#include "services/process/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace fdrpc::process {
namespace {

// PIDFD_SIGNAL_PROCESS_GROUP, which the C library's headers lack.
constexpr unsigned kToProcessGroup = 1u << 2;

}  // namespace

void SendSignal(int pidfd, int signal) {
  syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
}

int SendSignalToGroup(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr,
                 kToProcessGroup) == 0
             ? 0
             : errno;
}

bool HasEnded(int pidfd) {
  pollfd ended = {.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&ended, 1, 0) > 0;
}

}  // namespace fdrpc::process
