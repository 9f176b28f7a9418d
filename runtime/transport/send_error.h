#ifndef FDRPC_TRANSPORT_SEND_ERROR_H_
#define FDRPC_TRANSPORT_SEND_ERROR_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fdrpc/descriptor_set.h"

namespace fdrpc {

// Whether the errno of a sendmsg(2) that sent nothing concerns only the frame
// (its descriptors, or a lack of memory) and not the connection.
bool ConcernsFrameOnly(int error, bool has_descriptors);

// Why the frame with these descriptors cannot be sent. Names the field of the
// bad descriptor, if it can be determined.
absl::Status Refusal(int error, absl::Span<const AttachedFd> descriptors);
// The same for a single descriptor.
absl::Status NotOpen(const AttachedFd& fd);

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_SEND_ERROR_H_
