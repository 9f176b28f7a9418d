#include "os/sealed_memory.h"

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "os/memory_file.h"
#include "os/payload_memory.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// The kernel does not seal a file while anybody holds its pages, since the
// holder might write to them. The holder may by chance be the kernel itself
// (memfd_wait_for_pins() in mm/memfd.c, which waits for up to 150 ms). Then
// another file with other pages is tried.
constexpr int kMostFiles = 3;

// The seals that keep the content constant.
constexpr int kContentSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

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

constexpr char kWhat[] = "what should be a sealed memory file";

absl::Status Wrong(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(kWhat, " ", why));
}

absl::Status Check(int file, size_t bytes) {
  const auto info = ExamineMemoryFile(file, kContentSeals, kWhat);
  if (!info.ok()) return info.status();
  if (info->bytes != bytes) {
    return Wrong(
        absl::StrCat("has ", info->bytes, " bytes instead of ", bytes));
  }
  // They cost time when they are freed.
  if (info->HasPagesBehindItsEnd()) {
    return Wrong(absl::StrCat("has ", info->allocated_bytes,
                              " bytes of pages for ", bytes, " bytes"));
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
