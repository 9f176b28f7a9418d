#include "os/memory_file.h"

#include <linux/magic.h>

#include <atomic>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// MFD_NOEXEC_SEAL of Linux 6.3, which is missing in the headers of Debian 12.
// If vm.memfd_noexec demands it, files cannot be made without it.
constexpr unsigned kNoExecSeal = 8;

// stat(2) counts in these, whatever the size of a file's pages.
constexpr size_t kBlockBytes = 512;

}  // namespace

absl::StatusOr<UniqueFd> NewMemoryFile(const char* name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = Syscalls::Get().memfd_create(name, kFlags | kNoExecSeal);
  if (fd < 0 && errno == EINVAL) {
    fd = Syscalls::Get().memfd_create(name, kFlags);
  }
  if (fd < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  return UniqueFd(fd);
}

absl::StatusOr<uint64_t> MemoryFileDevice() {
  static std::atomic<uint64_t> known{0};  // 0: not yet
  if (const uint64_t device = known.load(); device != 0) return device;
  const absl::StatusOr<UniqueFd> sample = NewMemoryFile();
  if (!sample.ok()) return sample.status();
  struct stat info;
  if (Syscalls::Get().fstat(sample->get(), &info) < 0) {
    return absl::ErrnoToStatus(errno, "fstat");
  }
  known.store(info.st_dev);
  return info.st_dev;
}

absl::Status CannotExamine(std::string_view call) {
  const int error = errno;
  return absl::InternalError(absl::StrCat(
      "this process cannot examine a memory file: ", std::string(call),
      " failed with errno ", error));
}

absl::StatusOr<MemoryFileInfo> ExamineMemoryFile(int fd, int needed_seals,
                                                 const std::string& what) {
  const auto wrong = [&what](const auto&... why) {
    return absl::InvalidArgumentError(absl::StrCat(what, " ", why...));
  };
  const Syscalls& syscalls = Syscalls::Get();
  // The order of these checks never asks a file system of somebody else: only
  // memory files have seals, and the kernel itself answers (F_GET_SEALS in
  // fcntl(2)).
  const int seals = syscalls.get_seals(fd);
  if (seals < 0) {
    if (errno != EINVAL && errno != EBADF) return CannotExamine("F_GET_SEALS");
    return wrong("has no seals (errno ", errno, ")");
  }
  if ((seals & needed_seals) != needed_seals)
    return wrong("can still be changed");
  struct stat info;
  struct statfs system;
  if (syscalls.fstat(fd, &info) < 0) return CannotExamine("fstat");
  if (syscalls.fstatfs(fd, &system) < 0) return CannotExamine("fstatfs");
  if (!S_ISREG(info.st_mode) || system.f_type != TMPFS_MAGIC) {
    return wrong("is not of ordinary memory");  // of huge pages, for example
  }
  return MemoryFileInfo{
      .seals = seals,
      .bytes = static_cast<size_t>(info.st_size),
      .allocated_bytes = static_cast<size_t>(info.st_blocks) * kBlockBytes};
}

}  // namespace fdrpc
