#ifndef FDRPC_OS_PAYLOAD_MEMORY_H_
#define FDRPC_OS_PAYLOAD_MEMORY_H_

#include <cstddef>

#include "base/payload_buffer.h"

namespace fdrpc {

// Memory for the pieces of large messages. Fresh pages cost several times as
// much as copying into them. So the memory consists of huge pages, if the
// system has them, and freed buffers are kept for the next message: some MiB
// for good, and some more that the kernel may take back when memory is short
// (MADV_FREE). Small and very large buffers come from the heap. Any thread.

// The capacity of the largest buffers that are kept; three of them fill most of
// a huge page. The others have half or a quarter of it.
inline constexpr size_t kPayloadBlockBytes = 680u << 10;

// A buffer of at least `least` bytes, or of `most` bytes if one is kept.
PayloadBuffer NewPayload(size_t least, size_t most);

// A fresh buffer for a very large message, which is not kept. Empty if there is
// no memory.
PayloadBuffer MapPayload(size_t bytes);

}  // namespace fdrpc

#endif  // FDRPC_OS_PAYLOAD_MEMORY_H_
