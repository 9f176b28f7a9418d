#ifndef FDRPC_OS_MEMORY_FILE_H_
#define FDRPC_OS_MEMORY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Memory files (memfd_create(2)), which carry bytes to another process.

// A new, empty one that can be sealed; close-on-exec, and not executable where
// the kernel can say that. /proc shows its name. Errors by their errno.
absl::StatusOr<UniqueFd> NewMemoryFile(const char* name = "fdrpc");

// The device that memory files of ordinary pages are on: a mount of the
// kernel's own, which nobody else can have. Errors by their errno.
absl::StatusOr<uint64_t> MemoryFileDevice();

// What the kernel says of a memory file, whoever made it.
struct MemoryFileInfo {
  int seals = 0;
  size_t bytes = 0;
  // Of whole pages. Less than `bytes` if the file has holes: pages that its
  // first reader would have to pay for.
  size_t allocated_bytes = 0;

  // Whether there are more pages behind the end than a transparent huge page
  // explains. They cost memory that the size does not show, and hide holes.
  bool HasPagesBehindItsEnd() const {
    constexpr size_t kHugePageBytes = size_t{2} << 20;
    return allocated_bytes > bytes && allocated_bytes - bytes > kHugePageBytes;
  }
};

// Looks at a descriptor that may be anything. INVALID_ARGUMENT, beginning with
// `what`, if it is not a file of ordinary memory that has all of
// `needed_seals`; CannotExamine() if a system call fails that does not for such
// files. Does not block, and neither does closing a file that passed.
absl::StatusOr<MemoryFileInfo> ExamineMemoryFile(int fd, int needed_seals,
                                                 const std::string& what);

// INTERNAL, for errno: `call` failed although the file is in order, usually
// because a seccomp(2) filter of this process forbids it.
absl::Status CannotExamine(std::string_view call);

}  // namespace fdrpc

#endif  // FDRPC_OS_MEMORY_FILE_H_
