#ifndef FDRPC_TESTS_OS_DESCRIPTOR_SAMPLES_H_
#define FDRPC_TESTS_OS_DESCRIPTOR_SAMPLES_H_

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

#include "fdrpc/descriptor_info.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// A descriptor of a kind, as a peer may make it.
struct DescriptorSample {
  std::string name;
  DescriptorKind kind;
  DescriptorAccess access;
  std::function<UniqueFd()> make;
};

inline UniqueFd OpenPath(const char* path, int flags) {
  return UniqueFd(open(path, flags | O_CLOEXEC, 0600));
}

inline UniqueFd OpenSocket(int family, int type) {
  return UniqueFd(socket(family, type | SOCK_CLOEXEC, 0));
}

// A FIFO that has its name no more.
inline UniqueFd OpenFifo() {
  char directory[] = "/tmp/fdrpc-fifo-XXXXXX";
  if (mkdtemp(directory) == nullptr) return UniqueFd();
  const std::string path = std::string(directory) + "/fifo";
  UniqueFd fifo;
  if (mkfifo(path.c_str(), 0600) == 0) {
    fifo = OpenPath(path.c_str(), O_RDWR | O_NONBLOCK);
  }
  unlink(path.c_str());
  rmdir(directory);
  return fifo;
}

inline UniqueFd PipeEnd(int end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return UniqueFd();
  close(ends[1 - end]);
  return UniqueFd(ends[end]);
}

inline UniqueFd OpenTerminal() {
  return UniqueFd(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
}

inline UniqueFd OpenSignalfd() {
  sigset_t none;
  sigemptyset(&none);
  return UniqueFd(signalfd(-1, &none, SFD_CLOEXEC));
}

// One of each kind that an unprivileged process can make: no block device.
inline const std::vector<DescriptorSample>& DescriptorSamples() {
  using Kind = DescriptorKind;
  using Access = DescriptorAccess;
  static const std::vector<DescriptorSample> samples = {
      {"file", Kind::kRegularFile, Access::kRead,
       [] { return OpenPath("/proc/self/exe", O_RDONLY); }},
      {"unnamed file", Kind::kRegularFile, Access::kReadWrite,
       [] { return OpenPath("/tmp", O_TMPFILE | O_RDWR); }},
      {"file of a tmpfs", Kind::kRegularFile, Access::kWrite,
       [] { return OpenPath("/dev/shm", O_TMPFILE | O_WRONLY); }},
      {"directory", Kind::kDirectory, Access::kRead,
       [] { return OpenPath("/", O_RDONLY | O_DIRECTORY); }},
      {"path", Kind::kDirectory, Access::kNone,
       [] { return OpenPath("/", O_PATH); }},
      {"pipe, read end", Kind::kPipe, Access::kRead, [] { return PipeEnd(0); }},
      {"pipe, write end", Kind::kPipe, Access::kWrite,
       [] { return PipeEnd(1); }},
      {"fifo", Kind::kPipe, Access::kReadWrite, OpenFifo},
      {"socket", Kind::kSocket, Access::kReadWrite,
       [] { return OpenSocket(AF_UNIX, SOCK_STREAM); }},
      {"memfd", Kind::kMemfd, Access::kReadWrite,
       [] {
         return UniqueFd(memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING));
       }},
      {"memfd without sealing", Kind::kMemfd, Access::kReadWrite,
       [] { return UniqueFd(memfd_create("a", MFD_CLOEXEC)); }},
      {"character device", Kind::kCharacterDevice, Access::kWrite,
       [] { return OpenPath("/dev/null", O_WRONLY); }},
      {"terminal", Kind::kTerminal, Access::kReadWrite, OpenTerminal},
      {"eventfd", Kind::kEventfd, Access::kReadWrite,
       [] { return UniqueFd(eventfd(0, EFD_CLOEXEC)); }},
      {"timerfd", Kind::kTimerfd, Access::kReadWrite,
       [] { return UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }},
      {"signalfd", Kind::kSignalfd, Access::kReadWrite, OpenSignalfd},
      {"pidfd", Kind::kPidfd, Access::kReadWrite,
       [] {
         return UniqueFd(
             static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
       }},
      {"epoll", Kind::kEpoll, Access::kReadWrite,
       [] { return UniqueFd(epoll_create1(EPOLL_CLOEXEC)); }},
      {"inotify", Kind::kInotify, Access::kRead,
       [] { return UniqueFd(inotify_init1(IN_CLOEXEC)); }},
  };
  return samples;
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_OS_DESCRIPTOR_SAMPLES_H_
