#ifndef FDRPC_SERVICES_BLOBSTORE_MEMORY_WRITER_H_
#define FDRPC_SERVICES_BLOBSTORE_MEMORY_WRITER_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::blobstore {

// A memory file that grows as it is written, for content whose size is not
// known before. A file of a known size is a SharedBuffer.
class MemoryWriter {
 public:
  static absl::StatusOr<MemoryWriter> Create();

  // RESOURCE_EXHAUSTED if memory is short.
  absl::Status Append(std::string_view bytes);
  // Nobody can change it any more. The last call.
  absl::StatusOr<UniqueFd> Seal();

 private:
  explicit MemoryWriter(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_MEMORY_WRITER_H_
