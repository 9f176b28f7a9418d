#include "server/call_context.h"

#include <utility>

#include "server/incoming_call.h"

namespace fdrpc {

CallContext::CallContext(IncomingCall& call, const CallEnvironment& environment,
                         Metadata metadata, MonotonicTime deadline)
    : call_(call),
      environment_(environment),
      metadata_(std::move(metadata)),
      deadline_(deadline) {}

bool CallContext::past_deadline() const {
  return deadline_ != kNoDeadline && environment_.clock.Now() >= deadline_;
}

absl::Duration CallContext::time_remaining() const {
  return TimeUntil(deadline_, environment_.clock.Now());
}

void CallContext::SetCancelled(absl::Status why) {
  why_cancelled_ = std::move(why);
  cancelled_.Set();
}

absl::Status CallContext::cancellation_reason() const {
  if (cancelled_.is_set() && !why_cancelled_.ok()) return why_cancelled_;
  return past_deadline() ? IncomingCall::DeadlinePassed() : absl::OkStatus();
}

void CallContext::StopReading() { call_.StopReading(); }

void CallContext::SendHeaders() { call_.SendHeaders(); }

}  // namespace fdrpc
