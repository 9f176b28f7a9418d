#include "fdrpc/shared_buffer.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/memory_file.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

constexpr char kBuffer[] = "what should be a shared buffer";
constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;

// F_SEAL_FUTURE_WRITE of Linux 5.1: existing mappings stay writable; nothing
// else can write, nor remove pages.
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif

// fallocate(2) gives up when a signal arrives, and frees what it has done. In
// parts it makes progress even if a timer's signals come often.
constexpr size_t kAllocatedAtOnce = size_t{16} << 20;

absl::Status NoMemory(size_t bytes) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "there is no memory for a shared buffer of ", bytes, " bytes"));
}

absl::Status AllocatePages(int fd, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const size_t part = std::min(bytes - done, kAllocatedAtOnce);
    const int result = RetryOnEintr([&] {
      return Syscalls::Get().fallocate(fd, 0, static_cast<off_t>(done),
                                       static_cast<off_t>(part));
    });
    if (result < 0) {
      const int error = errno;
      if (error == ENOSPC || error == EFBIG) {
        return NoMemory(bytes);
      }
      return absl::ErrnoToStatus(
          error,
          absl::StrCat("allocating a shared buffer of ", bytes, " bytes"));
    }
    done += part;
  }
  return absl::OkStatus();
}

// A private mapping shows the file's pages as long as nobody writes through it,
// which its protection forbids. Before Linux 6.7, sealed memory could not be
// mapped with MAP_SHARED.
int ReadOnlyFlags(int seals) {
  return (seals & F_SEAL_WRITE) != 0 ? MAP_PRIVATE : MAP_SHARED;
}

absl::StatusOr<std::byte*> MapFile(void* at, int fd, size_t bytes,
                                   int protection, int flags) {
  const intptr_t address =
      Syscalls::Get().map_file(at, bytes, protection, flags, fd);
  if (address == -1) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("mapping a shared buffer of ", bytes, " bytes"));
  }
  return reinterpret_cast<std::byte*>(address);
}

absl::Status WrongBuffer(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat(kBuffer, " ", why));
}

}  // namespace

SharedBuffer::SharedBuffer(SharedBuffer&& other) noexcept {
  *this = std::move(other);
}

SharedBuffer& SharedBuffer::operator=(SharedBuffer&& other) noexcept {
  if (this == &other) return *this;
  Unmap();
  memory_ = std::exchange(other.memory_, nullptr);
  size_ = std::exchange(other.size_, 0);
  writable_ = std::exchange(other.writable_, false);
  may_change_ = std::exchange(other.may_change_, false);
  fd_ = std::exchange(other.fd_, {});
  sealed_fd_ = std::exchange(other.sealed_fd_, {});
  return *this;
}

SharedBuffer::~SharedBuffer() { Unmap(); }

void SharedBuffer::Unmap() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
  memory_ = nullptr;
  size_ = 0;
}

absl::StatusOr<SharedBuffer> SharedBuffer::Create(size_t bytes) {
  if (bytes == 0) {
    return absl::InvalidArgumentError(
        "a shared buffer needs a size of at least one byte");
  }
  return Allocate(bytes);
}

absl::StatusOr<SharedBuffer> SharedBuffer::Allocate(size_t bytes) {
  // Allocating more than there is would wake the kernel's OOM killer.
  static const size_t most = static_cast<size_t>(::sysconf(_SC_PHYS_PAGES)) *
                             static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  if (bytes > most) return NoMemory(bytes);
  absl::StatusOr<UniqueFd> file = NewMemoryFile();
  if (!file.ok()) return file.status();
  absl::Status allocated = AllocatePages(file->get(), bytes);
  if (!allocated.ok()) return allocated;
  SharedBuffer buffer;
  buffer.fd_ = SharedFd(*std::move(file));
  // From the beginning, so that the mapping always has its pages.
  absl::Status sealed = buffer.AddSeals(kSizeSeals);
  if (!sealed.ok()) return sealed;
  buffer.writable_ = true;
  if (bytes == 0) return buffer;
  absl::StatusOr<std::byte*> memory = MapFile(
      nullptr, buffer.fd_.get(), bytes, PROT_READ | PROT_WRITE, MAP_SHARED);
  if (!memory.ok()) return memory.status();
  buffer.memory_ = *memory;
  buffer.size_ = bytes;
  return buffer;
}

absl::StatusOr<SharedBuffer> SharedBuffer::FromFd(
    UniqueFd fd, const SharedBufferLimits& limits) {
  absl::StatusOr<SharedBuffer> buffer = Map(std::move(fd), limits);
  if (buffer.ok() && buffer->size() == 0) return WrongBuffer("is empty");
  return buffer;
}

absl::StatusOr<SharedBuffer> SharedBuffer::Map(
    UniqueFd fd, const SharedBufferLimits& limits) {
  // Whatever it is, its sender decides how long its close(2) takes.
  const auto refuse = [&fd](absl::Status why) {
    CloseInBackground(std::move(fd));
    return why;
  };
  if (!fd.ok()) return WrongBuffer("is no descriptor: the field has none");
  const absl::StatusOr<MemoryFileInfo> info =
      ExamineMemoryFile(fd.get(), kSizeSeals, kBuffer);
  if (!info.ok()) return refuse(info.status());
  const bool constant = (info->seals & F_SEAL_WRITE) != 0;
  if (!constant &&
      (!limits.may_change || (info->seals & F_SEAL_FUTURE_WRITE) == 0)) {
    return refuse(WrongBuffer(
        limits.may_change
            ? "can be written to by others than its maker: it has neither "
              "F_SEAL_WRITE nor F_SEAL_FUTURE_WRITE"
            : "can still be written to: it has no F_SEAL_WRITE"));
  }
  if (info->bytes > limits.max_bytes) {
    return refuse(WrongBuffer(absl::StrCat(
        "has ", info->bytes, " bytes, and may have ", limits.max_bytes)));
  }
  if (info->allocated_bytes < info->bytes) {
    return refuse(
        WrongBuffer(absl::StrCat("has holes: of ", info->bytes, " bytes only ",
                                 info->allocated_bytes, " are allocated")));
  }
  if (info->HasPagesBehindItsEnd()) {
    return refuse(WrongBuffer(
        absl::StrCat("has pages behind its end: ", info->allocated_bytes,
                     " bytes are allocated for ", info->bytes,
                     "; allocate no more than its size")));
  }
  SharedBuffer buffer;
  if (info->bytes > 0) {
    absl::StatusOr<std::byte*> memory = MapFile(
        nullptr, fd.get(), info->bytes, PROT_READ, ReadOnlyFlags(info->seals));
    if (!memory.ok()) return memory.status();
    buffer.memory_ = *memory;
    buffer.size_ = info->bytes;
  }
  buffer.may_change_ = !constant;
  buffer.fd_ = SharedFd(std::move(fd));
  buffer.sealed_fd_ = buffer.fd_;
  return buffer;
}

absl::Status SharedBuffer::AddSeals(int seals) {
  if (Syscalls::Get().add_seals(fd_.get(), seals) == 0) return absl::OkStatus();
  if (errno == EBUSY) {
    return absl::FailedPreconditionError(
        "the shared buffer cannot be sealed while something else may write to "
        "it (EBUSY): a child made by fork(2) has its mapping, or I/O into it "
        "is "
        "in progress");
  }
  return absl::ErrnoToStatus(errno, "sealing a shared buffer");
}

absl::StatusOr<SharedFd> SharedBuffer::Seal() {
  if (!fd_.ok()) {
    return absl::FailedPreconditionError(
        "the shared buffer is empty: it was moved from");
  }
  if (!writable_) return sealed_fd_;
  // The kernel refuses F_SEAL_WRITE while a writable mapping exists. Something
  // else holds its addresses meanwhile, so that no other mapping gets them.
  if (size_ > 0) {
    const absl::StatusOr<std::byte*> held =
        MapFile(memory_, -1, size_, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED);
    if (!held.ok()) return held.status();
  }
  const absl::Status sealed = AddSeals(F_SEAL_WRITE | F_SEAL_SEAL);
  if (size_ > 0) {
    const absl::StatusOr<std::byte*> mapped =
        sealed.ok() ? MapFile(memory_, fd_.get(), size_, PROT_READ,
                              MAP_PRIVATE | MAP_FIXED)
                    : MapFile(memory_, fd_.get(), size_, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_FIXED);
    if (!mapped.ok()) {
      // Nothing is mapped at its addresses any more.
      Unmap();
      writable_ = false;
      fd_ = SharedFd();
      return mapped.status();
    }
  }
  if (!sealed.ok()) return sealed;
  writable_ = false;
  sealed_fd_ = fd_;
  return sealed_fd_;
}

absl::StatusOr<SharedFd> SharedBuffer::SealForOthers() {
  if (!fd_.ok()) {
    return absl::FailedPreconditionError(
        "the shared buffer is empty: it was moved from");
  }
  if (!sealed_fd_.ok()) {
    absl::Status sealed = AddSeals(F_SEAL_FUTURE_WRITE);
    if (!sealed.ok()) return sealed;
    sealed_fd_ = fd_;
  }
  return sealed_fd_;
}

absl::Status SharedBuffer::CheckItems(size_t bytes) const {
  if (size_ % bytes == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a shared buffer of ", size_,
                   " bytes does not hold whole items of ", bytes, " bytes"));
}

absl::Status SharedBuffer::CheckMessageBytes(size_t bytes) {
  constexpr size_t kMost = std::numeric_limits<int>::max();
  if (bytes <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a message in a shared buffer has ", bytes,
                   " bytes, and may have ", kMost));
}

absl::Status SharedBuffer::Malformed() {
  return WrongBuffer("holds no message of the expected type, or a damaged one");
}

}  // namespace fdrpc
