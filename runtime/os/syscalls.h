#ifndef FDRPC_OS_SYSCALLS_H_
#define FDRPC_OS_SYSCALLS_H_

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace fdrpc {

// The system calls of the runtime that can fail, as a table, so that a test can
// make any of them fail, do less than asked, or be interrupted. The runtime
// makes these calls only through Syscalls::Get().
struct Syscalls {
  int (*socket)(int, int, int) = ::socket;
  int (*bind)(int, const sockaddr*, socklen_t) = ::bind;
  int (*listen)(int, int) = ::listen;
  int (*connect)(int, const sockaddr*, socklen_t) = ::connect;
  int (*accept4)(int, sockaddr*, socklen_t*, int) = ::accept4;
  int (*getsockopt)(int, int, int, void*, socklen_t*) = ::getsockopt;
  int (*shutdown)(int, int) = ::shutdown;
  ssize_t (*sendmsg)(int, const msghdr*, int) = ::sendmsg;
  ssize_t (*send)(int, const void*, size_t, int) = ::send;
  ssize_t (*recvmsg)(int, msghdr*, int) = ::recvmsg;
  int (*ppoll)(pollfd*, nfds_t, const timespec*, const sigset_t*) = ::ppoll;
  int (*epoll_create1)(int) = ::epoll_create1;
  int (*epoll_ctl)(int, int, int, epoll_event*) = ::epoll_ctl;
  int (*epoll_wait)(int, epoll_event*, int, int) = ::epoll_wait;
  int (*eventfd)(unsigned, int) = ::eventfd;
  int (*timerfd_create)(int, int) = ::timerfd_create;
  int (*timerfd_settime)(int, int, const itimerspec*,
                         itimerspec*) = ::timerfd_settime;
  ssize_t (*read)(int, void*, size_t) = ::read;
  ssize_t (*write)(int, const void*, size_t) = ::write;
  // openat(2) itself is variadic.
  int (*openat)(int, const char*, int, mode_t) =
      [](int directory, const char* path, int flags, mode_t mode) {
        return ::openat(directory, path, flags, mode);
      };
  int (*fstat)(int, struct stat*) = ::fstat;
  int (*fstatat)(int, const char*, struct stat*, int) = ::fstatat;
  int (*unlinkat)(int, const char*, int) = ::unlinkat;
  int (*flock)(int, int) = ::flock;
  int (*fchmod)(int, mode_t) = ::fchmod;
  int (*chmod)(const char*, mode_t) = ::chmod;
  int (*fchownat)(int, const char*, uid_t, gid_t, int) = ::fchownat;
  // fcntl(2) with F_DUPFD_CLOEXEC; fcntl(2) itself is variadic.
  int (*duplicate)(int) = [](int fd) {
    return ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  };
  int (*getsockname)(int, sockaddr*, socklen_t*) = ::getsockname;
  int (*set_nonblocking)(int) = [](int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags < 0 ? flags : ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  };
  int (*get_descriptor_flags)(int) = [](int fd) {
    return ::fcntl(fd, F_GETFD);
  };
  int (*set_close_on_exec)(int) = [](int fd) {
    return ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  };

  int (*getpeername)(int, sockaddr*, socklen_t*) = ::getpeername;
  // glibc 2.36 declares it for C only.
  int (*pidfd_open)(pid_t, unsigned) = [](pid_t pid, unsigned flags) {
    return static_cast<int>(::syscall(SYS_pidfd_open, pid, flags));
  };

  int (*memfd_create)(const char*, unsigned) = ::memfd_create;
  int (*add_seals)(int, int) = [](int fd, int seals) {
    return ::fcntl(fd, F_ADD_SEALS, seals);
  };
  int (*get_seals)(int) = [](int fd) { return ::fcntl(fd, F_GET_SEALS); };
  int (*fstatfs)(int, struct statfs*) = ::fstatfs;
  ssize_t (*pread)(int, void*, size_t, off_t) = ::pread;
  ssize_t (*sendto)(int, const void*, size_t, int, const sockaddr*,
                    socklen_t) = ::sendto;
  int (*socketpair)(int, int, int, int*) = ::socketpair;
  int (*setsockopt)(int, int, int, const void*, socklen_t) = ::setsockopt;

  // mmap(2) of that much private, zeroed memory. Returns its address, or -1.
  intptr_t (*map_memory)(size_t) = [](size_t bytes) {
    // MAP_FAILED is also -1.
    return reinterpret_cast<intptr_t>(
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  };

  // getrlimit(2) and setrlimit(2) of RLIMIT_NOFILE.
  int (*get_open_files_limit)(rlimit*) = [](rlimit* limit) {
    return ::getrlimit(RLIMIT_NOFILE, limit);
  };
  int (*set_open_files_limit)(const rlimit*) = [](const rlimit* limit) {
    return ::setrlimit(RLIMIT_NOFILE, limit);
  };
  // ioctl(2) with SIOCOUTQ: how much the peer of a socket has not received, as
  // the kernel counts memory.
  int (*unreceived_bytes)(int, int*) = [](int fd, int* bytes) {
    return ::ioctl(fd, SIOCOUTQ, bytes);
  };
  int (*get_status_flags)(int) = [](int fd) { return ::fcntl(fd, F_GETFL); };
  int (*statx)(int, const char*, int, unsigned, struct statx*) = ::statx;
  ssize_t (*readlink)(const char*, char*, size_t) = ::readlink;
  int (*isatty)(int) = ::isatty;
  // fcntl(2) with F_GETPIPE_SZ.
  int (*get_pipe_size)(int) = [](int fd) { return ::fcntl(fd, F_GETPIPE_SZ); };
  // mmap(2) of a file from its beginning; without a file (-1), of nothing.
  // Returns its address, or -1.
  intptr_t (*map_file)(void*, size_t, int, int, int) =
      [](void* at, size_t bytes, int protection, int flags, int fd) {
        return reinterpret_cast<intptr_t>(
            ::mmap(at, bytes, protection, flags, fd, 0));
      };
  int (*fallocate)(int, int, off_t, off_t) = ::fallocate;

  off_t (*lseek)(int, off_t, int) = ::lseek;
  // madvise(2) with MADV_DONTFORK.
  int (*keep_from_children)(void*, size_t) = [](void* at, size_t bytes) {
    return ::madvise(at, bytes, MADV_DONTFORK);
  };
  // getrlimit(2) of RLIMIT_FSIZE.
  int (*get_file_size_limit)(rlimit*) = [](rlimit* limit) {
    return ::getrlimit(RLIMIT_FSIZE, limit);
  };
  int (*ftruncate)(int, off_t) = ::ftruncate;
  // madvise(2) with MADV_POPULATE_WRITE, of Linux 5.14, which is missing in the
  // headers of Debian 12.
  int (*populate)(void*, size_t) = [](void* at, size_t bytes) {
    constexpr int kPopulateWrite = 23;
    return ::madvise(at, bytes, kPopulateWrite);
  };

  static const Syscalls& Get() {
    return *current.load(std::memory_order_acquire);
  }

  static const Syscalls real;
  // The table that Get() returns. Only tests store here, and only the address
  // of a table that outlives its use.
  static std::atomic<const Syscalls*> current;
};

// Repeats `call` while a signal interrupts it.
template <typename Call>
auto RetryOnEintr(Call call) {
  while (true) {
    auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace fdrpc

#endif  // FDRPC_OS_SYSCALLS_H_
