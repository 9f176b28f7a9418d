#include "services/blobstore/blob_memory.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/shared_buffer.h"

namespace fdrpc::blobstore {

absl::StatusOr<UniqueFd> OpenForReading(const SharedFd& memory) {
  const std::string path = absl::StrCat("/proc/self/fd/", memory.get());
  UniqueFd opened(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (opened.ok()) {
    if (fcntl(opened.get(), F_SETFL, 0) == 0) return opened;
    return absl::ErrnoToStatus(errno, "fcntl(F_SETFL)");
  }
  if (errno == EWOULDBLOCK) {
    return absl::PermissionDeniedError(
        "the maker of a memory file has a lease on it");
  }
  if (errno == ENOENT) {
    return absl::FailedPreconditionError(
        "the store cannot open its memory files again, because /proc is not "
        "mounted where it runs");
  }
  return absl::ErrnoToStatus(errno, "opening a memory file again");
}

absl::StatusOr<SharedFd> CopyOf(const SharedFd& memory) {
  UniqueFd same(fcntl(memory.get(), F_DUPFD_CLOEXEC, 0));
  if (!same.ok()) return absl::ErrnoToStatus(errno, "dup");
  const absl::StatusOr<SharedBuffer> original = SharedBuffer::FromFd(
      std::move(same), {.max_bytes = std::numeric_limits<size_t>::max()});
  if (!original.ok()) return original.status();
  absl::StatusOr<SharedBuffer> copy = SharedBuffer::Create(original->size());
  if (!copy.ok()) return copy.status();
  std::memcpy(copy->writable().data(), original->data().data(),
              original->size());
  return copy->Seal();
}

}  // namespace fdrpc::blobstore
