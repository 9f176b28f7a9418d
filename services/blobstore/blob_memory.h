#ifndef FDRPC_SERVICES_BLOBSTORE_BLOB_MEMORY_H_
#define FDRPC_SERVICES_BLOBSTORE_BLOB_MEMORY_H_

#include "absl/status/statusor.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::blobstore {

// Opens a memory file again, with an offset of its own. Does not block.
// PERMISSION_DENIED if the maker of the memory prevents it: by the file's
// permissions, or by a lease (F_SETLEASE in fcntl(2)), for whose end open(2)
// would wait for 45 seconds.
absl::StatusOr<UniqueFd> OpenForReading(const SharedFd& memory);

// Another memory file with the same content, sealed.
absl::StatusOr<SharedFd> CopyOf(const SharedFd& memory);

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_BLOB_MEMORY_H_
