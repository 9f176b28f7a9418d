#ifndef FDRPC_TRANSPORT_SEND_ERROR_H_
#define FDRPC_TRANSPORT_SEND_ERROR_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "fdrpc/descriptor_set.h"

namespace fdrpc {

// Whether an errno of sendmsg(2) that sent nothing concerns the frame alone,
// its descriptors or a lack of memory, and leaves the connection as it was.
bool ConcernsFrameOnly(int error, bool has_descriptors);

// Why that frame, which has these descriptors, can't be sent: names the field
// of the one that is wrong, if that can be told.
absl::Status Refusal(int error, absl::Span<const AttachedFd> descriptors);
// The same for one of them.
absl::Status NotOpen(const AttachedFd& fd);

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_SEND_ERROR_H_
