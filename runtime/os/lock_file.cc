#include "os/lock_file.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

absl::Status NoLockFile(std::string_view path) {
  return absl::AlreadyExistsError(
      absl::StrCat(std::string(path), " is not a lock file; it is left alone"));
}

// O_NONBLOCK, because the path may be a FIFO.
absl::StatusOr<UniqueFd> Open(int directory, const std::string& name,
                              std::string_view path) {
  UniqueFd fd(RetryOnEintr([&] {
    return Syscalls::Get().openat(
        directory, name.c_str(),
        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
        0600);
  }));
  if (fd.ok()) return fd;
  switch (errno) {
    case ELOOP:   // a symlink
    case EISDIR:  // a directory
    case ENXIO:   // a socket
      return NoLockFile(path);
    default:
      return absl::ErrnoToStatus(
          errno, absl::StrCat("opening the lock file ", std::string(path)));
  }
}

absl::Status CheckOurs(const struct stat& file, std::string_view path) {
  if (!S_ISREG(file.st_mode)) return NoLockFile(path);
  if (file.st_uid != ::geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrCat("the lock file ", std::string(path), " belongs to user ",
                     file.st_uid, "; remove it if no server uses it"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Acquire(int directory, std::string name,
                                           std::string_view path) {
  const Syscalls& syscalls = Syscalls::Get();
  const auto failed = [&](const char* call) {
    return absl::ErrnoToStatus(errno, absl::StrCat(call, std::string(path)));
  };
  while (true) {
    absl::StatusOr<UniqueFd> fd = Open(directory, name, path);
    if (!fd.ok()) return fd.status();
    struct stat opened;
    if (syscalls.fstat(fd->get(), &opened) < 0) return failed("fstat ");
    absl::Status ours = CheckOurs(opened, path);
    if (!ours.ok()) return ours;
    const int locked = RetryOnEintr(
        [&] { return syscalls.flock(fd->get(), LOCK_EX | LOCK_NB); });
    if (locked < 0 && errno == EWOULDBLOCK) {
      return absl::AlreadyExistsError(
          absl::StrCat("another process holds ", std::string(path),
                       ": a server listens there, or is starting"));
    }
    if (locked < 0) return failed("flock ");
    struct stat named;
    if (syscalls.fstatat(directory, name.c_str(), &named,
                         AT_SYMLINK_NOFOLLOW) == 0) {
      if (named.st_dev == opened.st_dev && named.st_ino == opened.st_ino) {
        return LockFile(*std::move(fd), directory, std::move(name));
      }
    } else if (errno != ENOENT) {
      return failed("fstatat ");
    }
    // The former holder removed the file after this process had opened it, so
    // this lock is not on the file that others will open.
  }
}

LockFile::LockFile(UniqueFd fd, int directory, std::string name)
    : fd_(std::move(fd)), directory_(directory), name_(std::move(name)) {}

LockFile::~LockFile() {
  // Only the holder removes a locked file, so the name still refers to this
  // one.
  if (fd_.ok()) Syscalls::Get().unlinkat(directory_, name_.c_str(), 0);
}

}  // namespace fdrpc
