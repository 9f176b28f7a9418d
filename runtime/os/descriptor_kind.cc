#include "os/descriptor_kind.h"

#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/memory_file.h"
#include "os/syscalls.h"
#include "os/unix_address.h"

namespace fdrpc {
namespace {

// The names of anonymous inodes (fs/anon_inodes.c in Linux), as the link in
// /proc gives them. No file can have one of them as its path, which begins with
// a "/". Since Linux 6.9, a pidfd may also have a file system of its own.
struct NamedKind {
  std::string_view name;
  DescriptorKind kind;
};
constexpr NamedKind kNames[] = {
    {"anon_inode:[eventfd]", DescriptorKind::kEventfd},
    {"anon_inode:[timerfd]", DescriptorKind::kTimerfd},
    {"anon_inode:[signalfd]", DescriptorKind::kSignalfd},
    {"anon_inode:[pidfd]", DescriptorKind::kPidfd},
    {"anon_inode:[eventpoll]", DescriptorKind::kEpoll},
    {"anon_inode:inotify", DescriptorKind::kInotify},
};
constexpr std::string_view kPidFileSystem = "pidfd:[";

// Whether a system call may succeed when less of the system is in use.
bool LacksResources(int error) {
  return error == ENOMEM || error == ENOBUFS || error == EMFILE ||
         error == ENFILE;
}

uint64_t Device(const struct statx& file) {
  return makedev(file.stx_dev_major, file.stx_dev_minor);
}

DescriptorAccess AccessOf(int flags) {
  if ((flags & O_PATH) != 0) return DescriptorAccess::kNone;
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return DescriptorAccess::kRead;
    case O_WRONLY:
      return DescriptorAccess::kWrite;
    case O_RDWR:
      return DescriptorAccess::kReadWrite;
    default:  // open(2): neither, for ioctl(2) alone
      return DescriptorAccess::kNone;
  }
}

}  // namespace

std::string_view InWords(DescriptorKind kind) {
  switch (kind) {
    case DescriptorKind::kOther:
      return "a file of another kind";
    case DescriptorKind::kRegularFile:
      return "a regular file";
    case DescriptorKind::kDirectory:
      return "a directory";
    case DescriptorKind::kPipe:
      return "a pipe or FIFO";
    case DescriptorKind::kSocket:
      return "a socket";
    case DescriptorKind::kMemfd:
      return "a memfd";
    case DescriptorKind::kCharacterDevice:
      return "a character device";
    case DescriptorKind::kBlockDevice:
      return "a block device";
    case DescriptorKind::kTerminal:
      return "a terminal";
    case DescriptorKind::kEventfd:
      return "an eventfd";
    case DescriptorKind::kTimerfd:
      return "a timerfd";
    case DescriptorKind::kSignalfd:
      return "a signalfd";
    case DescriptorKind::kPidfd:
      return "a pidfd";
    case DescriptorKind::kEpoll:
      return "an epoll instance";
    case DescriptorKind::kInotify:
      return "an inotify instance";
  }
  return "a file of another kind";
}

std::string_view InWords(DescriptorAccess access) {
  switch (access) {
    case DescriptorAccess::kNone:
      return "neither reading nor writing";
    case DescriptorAccess::kRead:
      return "reading";
    case DescriptorAccess::kWrite:
      return "writing";
    case DescriptorAccess::kReadWrite:
      return "reading and writing";
  }
  return "neither reading nor writing";
}

void PrintTo(const DescriptorInfo& info, std::ostream* to) {
  *to << info.field << ": ";
  if (info.fd < 0) {
    *to << "no descriptor";
    return;
  }
  *to << "descriptor " << info.fd << ", " << InWords(info.kind) << " for "
      << InWords(info.access) << (info.nonblocking ? ", non-blocking" : "")
      << ", inode " << info.inode << ", " << info.size << " bytes";
}

absl::Status CannotFindOut(const absl::Status& failure) {
  const std::string what =
      absl::StrCat("this process cannot find out what the descriptor is: ",
                   std::string(failure.message()));
  return absl::IsResourceExhausted(failure)
             ? absl::ResourceExhaustedError(what)
             : absl::FailedPreconditionError(what);
}

absl::Status CannotFindOut(int error, std::string_view call) {
  return CannotFindOut(absl::ErrnoToStatus(error, std::string(call)));
}

absl::StatusOr<struct statx> StatWithoutWaiting(int fd) {
  struct statx file;
  // AT_STATX_DONT_SYNC: what the kernel knows, without asking a file system
  // elsewhere, which could let this thread wait for as long as it likes. The
  // size is not asked for, because CIFS then waits for what is being written;
  // all file systems give the last known one nevertheless.
  if (Syscalls::Get().statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                            STATX_TYPE | STATX_INO, &file) == 0) {
    return file;
  }
  const int error = errno;
  // No file system gives these: a filter of system calls, or an old kernel.
  if (LacksResources(error) || error == EPERM || error == ENOSYS) {
    return CannotFindOut(error, "statx");
  }
  return absl::InvalidArgumentError(
      absl::ErrnoToStatus(error, "statx").message());
}

DescriptorKind BasicKind(const struct statx& file) {
  switch (file.stx_mode & S_IFMT) {
    case S_IFREG:
      return DescriptorKind::kRegularFile;
    case S_IFDIR:
      return DescriptorKind::kDirectory;
    case S_IFIFO:
      return DescriptorKind::kPipe;
    case S_IFSOCK:
      return DescriptorKind::kSocket;
    case S_IFCHR:
      return DescriptorKind::kCharacterDevice;
    case S_IFBLK:
      return DescriptorKind::kBlockDevice;
    default:
      return DescriptorKind::kOther;
  }
}

absl::StatusOr<bool> IsMemfd(int fd) {
  const int seals = Syscalls::Get().get_seals(fd);
  if (seals < 0) return false;
  // A file of a mounted tmpfs has exactly this seal, and can get no other. A
  // memfd without MFD_ALLOW_SEALING has the same, on the kernel's own mount.
  if (seals != F_SEAL_SEAL) return true;
  const absl::StatusOr<struct statx> file = StatWithoutWaiting(fd);
  if (!file.ok()) return file.status();
  const absl::StatusOr<uint64_t> memfds = MemoryFileDevice();
  if (!memfds.ok()) return CannotFindOut(memfds.status());
  return Device(*file) == *memfds;
}

bool IsTerminal(int fd) { return Syscalls::Get().isatty(fd) == 1; }

absl::StatusOr<DescriptorKind> AnonymousKind(int fd) {
  char link[64];
  const ssize_t length = Syscalls::Get().readlink(
      absl::StrCat(kDescriptorPaths, fd).c_str(), link, sizeof(link));
  if (length < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::FailedPreconditionError(
        "the kernel tells the kind of this descriptor in /proc alone, and "
        "/proc is not mounted");
  }
  if (length < 0) return CannotFindOut(errno, "readlink in /proc");
  const std::string_view name(link, static_cast<size_t>(length));
  for (const NamedKind& named : kNames) {
    if (name == named.name) return named.kind;
  }
  return name.starts_with(kPidFileSystem) ? DescriptorKind::kPidfd
                                          : DescriptorKind::kOther;
}

DescriptorInfo InfoOf(int fd) {
  DescriptorInfo info;
  info.fd = fd;
  if (const int flags = Syscalls::Get().get_status_flags(fd); flags >= 0) {
    info.access = AccessOf(flags);
    info.nonblocking = (flags & O_NONBLOCK) != 0;
  }
  const absl::StatusOr<struct statx> file = StatWithoutWaiting(fd);
  if (!file.ok()) return info;
  info.device = Device(*file);
  info.inode = file->stx_ino;
  info.size = file->stx_size;
  info.kind = BasicKind(*file);
  if (info.kind == DescriptorKind::kOther) {
    info.kind = AnonymousKind(fd).value_or(DescriptorKind::kOther);
  } else if (info.kind == DescriptorKind::kRegularFile &&
             IsMemfd(fd).value_or(false)) {
    info.kind = DescriptorKind::kMemfd;
  } else if (info.kind == DescriptorKind::kCharacterDevice && IsTerminal(fd)) {
    info.kind = DescriptorKind::kTerminal;
  }
  return info;
}

}  // namespace fdrpc
