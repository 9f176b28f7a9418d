#include "client/caller_cancellation.h"

#include "fdrpc/server_context.h"

namespace fdrpc {

absl::Status CallerCancellation::Check(const CallOptions& options) {
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the call's timeout is not positive");
  }
  if (options.cancellation.stop_requested()) return Cancelled();
  if (options.parent == nullptr || !options.parent->IsCancelled()) {
    return absl::OkStatus();
  }
  if (options.parent->time_remaining() > absl::ZeroDuration()) {
    return Cancelled();
  }
  return absl::DeadlineExceededError("the parent call's deadline has passed");
}

void CallerCancellation::Watch(const CallOptions& options, Call& call) {
  if (options.cancellation.stop_possible()) {
    own_.emplace(options.cancellation, Cancel{call});
  }
  if (options.parent != nullptr) {
    parent_.emplace(options.parent->cancellation(), Cancel{call});
  }
}

}  // namespace fdrpc
