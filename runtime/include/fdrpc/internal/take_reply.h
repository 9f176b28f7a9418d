#ifndef FDRPC_INTERNAL_TAKE_REPLY_H_
#define FDRPC_INTERNAL_TAKE_REPLY_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/client_call.h"

namespace fdrpc::internal {

// Takes the single reply of a call that has ended, and returns the call's
// status: `reply` has the server's message if and only if that is OK.
inline absl::Status TakeReply(ClientCall& call, IncomingMessage reply) {
  const bool taken = call.Take(reply);
  absl::Status status = call.status();
  if (!taken && status.ok()) {
    return absl::InternalError("the call ended without a reply");
  }
  return status;
}
template <typename Reply>
absl::StatusOr<Reply> TakeReply(ClientCall& call) {
  absl::StatusOr<Reply> reply{Reply()};
  absl::Status status = TakeReply(call, *reply);
  if (!status.ok()) reply = std::move(status);
  return reply;
}

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_TAKE_REPLY_H_
