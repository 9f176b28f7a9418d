#ifndef FDRPC_CLIENT_CALLER_CANCELLATION_H_
#define FDRPC_CLIENT_CALLER_CANCELLATION_H_

#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/call_options.h"

namespace fdrpc {

// Cancels a call when its caller requests it (CallOptions::cancellation), or
// when the call is cancelled whose handler makes it (CallOptions::parent).
// Neither owns the call nor watches its deadline.
class CallerCancellation {
 public:
  // The status of a call that its caller has cancelled.
  static absl::Status Cancelled() {
    return absl::CancelledError("the caller cancelled the call");
  }
  // Why a call with these options need not be made: it is cancelled already, or
  // has no time left. Otherwise OK.
  static absl::Status Check(const CallOptions& options);

  // Cancels `call` from now on, possibly at once; at most one call. Until
  // Stop(), the call must exist.
  void Watch(const CallOptions& options, Call& call);
  // Blocks while another thread is cancelling the call.
  void Stop() {
    parent_.reset();
    own_.reset();
  }

 private:
  struct Cancel {
    Call& call;
    void operator()() const { call.Abort(Cancelled()); }
  };

  std::optional<std::stop_callback<Cancel>> own_;
  std::optional<std::stop_callback<Cancel>> parent_;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALLER_CANCELLATION_H_
