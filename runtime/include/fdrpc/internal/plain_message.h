#ifndef FDRPC_INTERNAL_PLAIN_MESSAGE_H_
#define FDRPC_INTERNAL_PLAIN_MESSAGE_H_

#include "absl/status/status.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/parcel.h"

namespace fdrpc::internal {

// Whether a message to or from a remote peer has no fdrpc.Fd:
// FAILED_PRECONDITION names the first field that has one, and the descriptors
// are closed. `parcel` is null if the message's type has none; `what` is
// "request" or "reply".
FDRPC_API absl::Status CheckPlain(ParcelBase* parcel, const char* what);

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_PLAIN_MESSAGE_H_
