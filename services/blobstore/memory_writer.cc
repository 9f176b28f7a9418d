#include "services/blobstore/memory_writer.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "services/program/copy.h"

namespace fdrpc::blobstore {
namespace {

// MFD_NOEXEC_SEAL of Linux 6.3, which is missing in the headers of Debian 12.
constexpr unsigned kNoExecSeal = 8;

}  // namespace

absl::StatusOr<MemoryWriter> MemoryWriter::Create() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd file(memfd_create("fdrpc-blob", kFlags | kNoExecSeal));
  if (!file.ok() && errno == EINVAL) {
    file.Reset(memfd_create("fdrpc-blob", kFlags));
  }
  if (!file.ok()) return absl::ErrnoToStatus(errno, "memfd_create");
  return MemoryWriter(std::move(file));
}

absl::Status MemoryWriter::Append(std::string_view bytes) {
  if (program::WriteAll(file_.get(), bytes)) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "writing to a memory file");
}

absl::StatusOr<UniqueFd> MemoryWriter::Seal() {
  constexpr int kSeals =
      F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (fcntl(file_.get(), F_ADD_SEALS, kSeals) < 0) {
    return absl::ErrnoToStatus(errno, "sealing a memory file");
  }
  return std::move(file_);
}

}  // namespace fdrpc::blobstore
