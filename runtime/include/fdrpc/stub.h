#ifndef FDRPC_STUB_H_
#define FDRPC_STUB_H_

// What generated stubs are written in terms of; users have no need of it.

#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "fdrpc/method.h"
#include "fdrpc/parcel.h"

namespace fdrpc {

// Makes a blocking unary call whose reply is a message or a Parcel of one.
// `request` is a const message, or a parcel whose descriptors are moved out.
template <typename Reply, typename Request>
absl::StatusOr<Reply> BlockingUnary(Caller& caller, const Method& method,
                                    Request& request,
                                    const CallOptions& options) {
  if constexpr (std::is_base_of_v<ParcelBase, Request>) {
    if (absl::Status status = request.PrepareToSend(); !status.ok()) {
      return status;
    }
  }
  absl::StatusOr<Reply> reply{Reply()};
  if (absl::Status status = caller.CallUnary(method, request, *reply, options);
      !status.ok()) {
    return status;
  }
  return reply;
}

}  // namespace fdrpc

#endif  // FDRPC_STUB_H_
