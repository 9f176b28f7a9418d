#include "os/shared_region.h"

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "os/background_close.h"
#include "os/memory_file.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// The maker's. The others would keep the peer from writing.
constexpr int kMakersSeals = F_SEAL_SHRINK | F_SEAL_GROW;
// Of who joins. From then on nobody can make another mapping to write, write in
// another way, or punch a hole, whatever they do with the descriptor.
// F_SEAL_WRITE would also forbid the present mappings.
constexpr int kJoinersSeals = F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

// No page is smaller, so a touch this far apart reaches each of them.
constexpr size_t kLeastPageBytes = 4096;

constexpr char kRegionWhat[] = "what should be a shared region";

absl::Status WrongRegion(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(kRegionWhat, " ", why));
}

// Of a system call on a file that has passed the check. It usually fails
// because of this process: a seccomp(2) filter, a kernel without the call. So
// it is not INVALID_ARGUMENT, which is the peer's; a peer that makes it fail
// has no rings.
absl::Status OwnError(const char* what) {
  const absl::Status error = absl::ErrnoToStatus(errno, what);
  if (!absl::IsInvalidArgument(error)) return error;
  return absl::UnimplementedError(error.message());
}

// The kernel kills a process that makes a file larger than RLIMIT_FSIZE, with
// SIGXFSZ, also for memory files. So it must not be tried.
absl::Status CheckFileSizeLimit(size_t bytes) {
  rlimit limit;
  if (Syscalls::Get().get_file_size_limit(&limit) < 0) {
    return absl::ErrnoToStatus(errno, "getrlimit of RLIMIT_FSIZE");
  }
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= bytes) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("RLIMIT_FSIZE allows ", limit.rlim_cur,
                   " bytes, which a memory file of ", bytes, " would exceed"));
}

// st_blocks would not show holes, since pages behind the end count there too.
absl::Status CheckHasAllPages(int file, size_t bytes) {
  const off_t hole = Syscalls::Get().lseek(file, 0, SEEK_HOLE);
  if (hole == static_cast<off_t>(bytes)) return absl::OkStatus();
  if (hole < 0) return CannotExamine("lseek with SEEK_HOLE");
  return WrongRegion(absl::StrCat("has a hole at ", hole));
}

// A page that nobody has touched is still a hole for SEEK_HOLE. The peer may
// take pages away meanwhile, so the kernel touches them, which then reports a
// lack of memory; older kernels cannot, and send SIGBUS.
absl::Status TouchAllPages(const SharedRegion& region) {
  if (Syscalls::Get().populate(region.data(), region.bytes()) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINVAL) {
    return OwnError("madvise with MADV_POPULATE_WRITE");
  }
  for (size_t at = 0; at < region.bytes(); at += kLeastPageBytes) {
    const_cast<volatile char&>(region.data()[at]) = 0;
  }
  return absl::OkStatus();
}

}  // namespace

SharedRegion::~SharedRegion() {
  // In a child something else may be at that address.
  if (data_ == nullptr || fork_mark_.inherited()) return;
  ::munmap(data_, bytes_);
}

absl::StatusOr<SharedRegion> SharedRegion::MapFile(int file, size_t bytes) {
  const intptr_t mapped = Syscalls::Get().map_file(
      nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  if (mapped == -1) return OwnError("mapping a memory file");
  SharedRegion region(reinterpret_cast<char*>(mapped), bytes);
  if (Syscalls::Get().keep_from_children(region.data(), bytes) < 0) {
    return OwnError("madvise with MADV_DONTFORK");
  }
  return region;
}

absl::StatusOr<SharedRegion::Made> SharedRegion::Make(size_t bytes) {
  absl::Status allowed = CheckFileSizeLimit(bytes);
  if (!allowed.ok()) return allowed;
  absl::StatusOr<UniqueFd> file = NewMemoryFile("fdrpc-rings");
  if (!file.ok()) return file.status();
  const int sized = RetryOnEintr([&] {
    return Syscalls::Get().ftruncate(file->get(), static_cast<off_t>(bytes));
  });
  if (sized < 0) {
    return absl::ErrnoToStatus(errno, "giving a memory file its size");
  }
  absl::StatusOr<SharedRegion> region = MapFile(file->get(), bytes);
  if (!region.ok()) return region.status();
  if (Syscalls::Get().add_seals(file->get(), kMakersSeals) < 0) {
    return OwnError("sealing a memory file");
  }
  // What CheckJoined() needs. It is too late for another answer then.
  if (Syscalls::Get().get_seals(file->get()) < 0) {
    return CannotExamine("F_GET_SEALS");
  }
  if (Syscalls::Get().lseek(file->get(), 0, SEEK_HOLE) < 0) {
    return CannotExamine("lseek with SEEK_HOLE");
  }
  return Made{*std::move(region), *std::move(file)};
}

absl::StatusOr<SharedRegion> SharedRegion::Join(UniqueFd file, size_t bytes) {
  const auto info = ExamineMemoryFile(file.get(), kMakersSeals, kRegionWhat);
  if (!info.ok()) return info.status();
  if (info->bytes != bytes) {
    return WrongRegion(
        absl::StrCat("has ", info->bytes, " bytes instead of ", bytes));
  }
  if ((info->seals & (F_SEAL_WRITE | kJoinersSeals)) != 0) {
    return WrongRegion("is sealed already");
  }
  // All pages now: without this, a lack of memory would be SIGBUS later.
  const int allocated = RetryOnEintr([&] {
    return Syscalls::Get().fallocate(file.get(), 0, 0,
                                     static_cast<off_t>(bytes));
  });
  if (allocated < 0) {
    return OwnError("allocating a memory file");
  }
  absl::StatusOr<SharedRegion> region = MapFile(file.get(), bytes);
  if (!region.ok()) return region;
  absl::Status touched = TouchAllPages(*region);
  if (!touched.ok()) return touched;
  if (Syscalls::Get().add_seals(file.get(), kJoinersSeals) < 0) {
    return OwnError("sealing a memory file");
  }
  // Only now: there are no new holes from here on.
  absl::Status whole = CheckHasAllPages(file.get(), bytes);
  if (!whole.ok()) return whole;
  // Closing a memory file does not block.
  CloseAtOnce(std::move(file));
  return region;
}

absl::Status SharedRegion::CheckJoined(int file, size_t bytes) {
  const int seals = Syscalls::Get().get_seals(file);
  if (seals < 0) return CannotExamine("F_GET_SEALS");
  if ((seals & kJoinersSeals) != kJoinersSeals) {
    return WrongRegion("can still be changed");
  }
  return CheckHasAllPages(file, bytes);
}

}  // namespace fdrpc
