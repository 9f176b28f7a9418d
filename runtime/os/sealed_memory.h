#ifndef FDRPC_OS_SEALED_MEMORY_H_
#define FDRPC_OS_SEALED_MEMORY_H_

#include <sys/uio.h>

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/payload_buffer.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Bytes that are sent to another process in a memory file (memfd_create(2)).
// The file is sealed, so that nobody, including its maker, can change them.

// A sealed memory file with the content of `pieces`; close-on-exec. Errors by
// their errno: RESOURCE_EXHAUSTED if descriptors or memory are short, or if the
// kernel refuses to seal three files in a row.
absl::StatusOr<UniqueFd> SealInMemory(absl::Span<const iovec> pieces);

// Reads the bytes of a sealed memory file that another process has made. `file`
// may be anything: INVALID_ARGUMENT, with the reason, if it is not a sealed
// memory file of exactly that many bytes. Does not block, and closing a file
// that passed the check does not block either.
//
// It reads the file instead of mapping it: a mapping can kill its reader with
// SIGBUS when memory is short, and costs as much as reading once. Holes read as
// zeros and cost their maker nothing, so the caller must limit `bytes`.
absl::StatusOr<PayloadBuffer> ReadSealedMemory(UniqueFd file, size_t bytes);

}  // namespace fdrpc

#endif  // FDRPC_OS_SEALED_MEMORY_H_
