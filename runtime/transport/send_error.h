#ifndef FDRPC_TRANSPORT_SEND_ERROR_H_
#define FDRPC_TRANSPORT_SEND_ERROR_H_

#include "absl/status/status.h"

namespace fdrpc {

// Whether an errno of sendmsg(2) that sent nothing concerns the frame alone,
// its descriptors or a lack of memory, and leaves the connection as it was.
bool ConcernsFrameOnly(int error, bool has_descriptors);

// Why that frame can't be sent.
absl::Status Refusal(int error);

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_SEND_ERROR_H_
