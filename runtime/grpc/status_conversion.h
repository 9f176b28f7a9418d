#ifndef FDRPC_GRPC_STATUS_CONVERSION_H_
#define FDRPC_GRPC_STATUS_CONVERSION_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace fdrpc::grpc {

// The same status in the other library's form. Payloads are the details of a
// google.rpc.Status (grpc-status-details-bin). With OK there are none.
::grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const ::grpc::Status& status);

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_STATUS_CONVERSION_H_
