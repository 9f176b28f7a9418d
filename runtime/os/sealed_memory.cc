#include "os/sealed_memory.h"

#include <linux/magic.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/payload_memory.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

constexpr char kName[] = "fdrpc";

// MFD_NOEXEC_SEAL of Linux 6.3, which is missing in the headers of Debian 12.
// If vm.memfd_noexec demands it, files cannot be made without it.
constexpr unsigned kNoExecSeal = 8;

// The kernel does not seal a file while anybody holds its pages, since the
// holder might write to them. The holder may by chance be the kernel itself
// (memfd_wait_for_pins() in mm/memfd.c, which waits for up to 150 ms). Then
// another file with other pages is tried.
constexpr int kMostFiles = 3;

// The seals that keep the content constant.
constexpr int kContentSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

absl::StatusOr<UniqueFd> NewMemoryFile() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = Syscalls::Get().memfd_create(kName, kFlags | kNoExecSeal);
  if (fd < 0 && errno == EINVAL) {
    fd = Syscalls::Get().memfd_create(kName, kFlags);
  }
  if (fd < 0) return absl::ErrnoToStatus(errno, "memfd_create");
  return UniqueFd(fd);
}

absl::Status Write(int fd, const iovec& piece) {
  const char* from = static_cast<const char*>(piece.iov_base);
  size_t left = piece.iov_len;
  while (left > 0) {
    const ssize_t written =
        RetryOnEintr([&] { return Syscalls::Get().write(fd, from, left); });
    if (written < 0) {
      return absl::ErrnoToStatus(errno, "writing to a memory file");
    }
    from += written;
    left -= static_cast<size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status Wrong(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("what should be a sealed memory file ", why));
}

// The order of these checks never asks a file system of somebody else: only
// memory files have seals, and the kernel itself answers (F_GET_SEALS in
// fcntl(2)).
absl::Status Check(int file, size_t bytes) {
  const Syscalls& syscalls = Syscalls::Get();
  const int seals = syscalls.get_seals(file);
  if (seals < 0) {
    return Wrong(absl::StrCat("has no seals (errno ", errno, ")"));
  }
  if ((seals & kContentSeals) != kContentSeals) {
    return Wrong("can still be changed");
  }
  struct stat info;
  struct statfs system;
  if (syscalls.fstat(file, &info) < 0 || syscalls.fstatfs(file, &system) < 0) {
    return Wrong(absl::StrCat("cannot be examined (errno ", errno, ")"));
  }
  if (!S_ISREG(info.st_mode) || system.f_type != TMPFS_MAGIC) {
    return Wrong("is not of ordinary memory");  // of huge pages, for example
  }
  if (info.st_size != static_cast<off_t>(bytes)) {
    return Wrong(
        absl::StrCat("has ", info.st_size, " bytes instead of ", bytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> SealInMemory(absl::Span<const iovec> pieces) {
  for (int files = 1;; ++files) {
    absl::StatusOr<UniqueFd> file = NewMemoryFile();
    if (!file.ok()) return file;
    for (const iovec& piece : pieces) {
      absl::Status written = Write(file->get(), piece);
      if (!written.ok()) return written;
    }
    constexpr int kSeals = kContentSeals | F_SEAL_SEAL;
    if (Syscalls::Get().add_seals(file->get(), kSeals) == 0) return file;
    if (errno != EBUSY) {
      return absl::ErrnoToStatus(errno, "sealing a memory file");
    }
    if (files == kMostFiles) {
      return absl::ResourceExhaustedError(
          "the kernel cannot seal a memory file while it holds pages of it "
          "(EBUSY); try again");
    }
  }
}

absl::StatusOr<PayloadBuffer> ReadSealedMemory(UniqueFd file, size_t bytes) {
  absl::Status sealed = Check(file.get(), bytes);
  if (!sealed.ok()) return sealed;
  PayloadBuffer content = NewPayload(bytes, bytes);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = RetryOnEintr([&] {
      return Syscalls::Get().pread(file.get(), content.data() + done,
                                   bytes - done, static_cast<off_t>(done));
    });
    if (got <= 0) {
      return Wrong(
          absl::StrCat("cannot be read (errno ", got < 0 ? errno : 0, ")"));
    }
    done += static_cast<size_t>(got);
  }
  // At once, even within a BackgroundCloseScope: closing a memory file does not
  // block.
  ::close(file.Release());
  return content;
}

}  // namespace fdrpc
