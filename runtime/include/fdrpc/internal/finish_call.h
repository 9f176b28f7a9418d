#ifndef FDRPC_INTERNAL_FINISH_CALL_H_
#define FDRPC_INTERNAL_FINISH_CALL_H_

#include <utility>

#include "absl/status/status.h"
#include "fdrpc/server_call.h"

namespace fdrpc::internal {

// Ends a call with its handler's result. `reply` is a CallMessage or
// MovedMessage.
template <typename Reply>
void FinishCall(ServerCall& call, absl::Status status, Reply& reply) {
  if (!status.ok()) return call.Finish(std::move(status), nullptr);
  const OutgoingMessage message = reply.outgoing();
  call.Finish(absl::OkStatus(), &message);
}

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_FINISH_CALL_H_
