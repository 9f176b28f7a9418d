#ifndef FDRPC_OS_PAYLOAD_MEMORY_H_
#define FDRPC_OS_PAYLOAD_MEMORY_H_

#include <cstddef>

#include "base/payload_buffer.h"

namespace fdrpc {

// Memory for the pieces of large messages. Fresh pages cost several times the
// copying into them: so it is made of huge pages, where the system has them,
// and what is given back is kept for the next message: some MiB of the process,
// and some more that the kernel may take back when it is short of memory
// (MADV_FREE). Small and very large buffers are the heap's. Any thread.

// The capacity of the largest buffers that are kept: three of them are
// most of a huge page. Others have half of that, or a quarter.
inline constexpr size_t kPayloadBlockBytes = 680u << 10;

// A buffer of at least `least` bytes, or of `most` if one is kept.
PayloadBuffer NewPayload(size_t least, size_t most);

}  // namespace fdrpc

#endif  // FDRPC_OS_PAYLOAD_MEMORY_H_
