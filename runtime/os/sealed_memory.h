#ifndef FDRPC_OS_SEALED_MEMORY_H_
#define FDRPC_OS_SEALED_MEMORY_H_

#include <sys/uio.h>

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/payload_buffer.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// Bytes that go to another process in a memory file (memfd_create(2)), sealed
// so that nobody, its maker included, can change them any more.

// A sealed memory file of `pieces`, one behind the other; close-on-exec.
// Errors by their errno: RESOURCE_EXHAUSTED for want of descriptors or memory,
// or if the kernel seals none of three files.
absl::StatusOr<UniqueFd> SealInMemory(absl::Span<const iovec> pieces);

// The bytes of a sealed memory file that somebody else has made, whatever it
// is: INVALID_ARGUMENT, with the reason, if it is not one of exactly that many
// bytes. Does not block, not even when it closes it, unless it is none.
//
// Reads, and does not map: a mapping may kill its reader with SIGBUS where
// memory is short, and costs as much as reading once. Holes, which are as good
// as zeros, cost their maker nothing either way; so the caller has a limit on
// `bytes`.
absl::StatusOr<PayloadBuffer> ReadSealedMemory(UniqueFd file, size_t bytes);

}  // namespace fdrpc

#endif  // FDRPC_OS_SEALED_MEMORY_H_
