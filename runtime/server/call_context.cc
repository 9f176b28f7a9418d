#include "server/call_context.h"

#include <utility>

#include "server/incoming_call.h"

namespace fdrpc {

CallContext::CallContext(IncomingCall& call, const PeerCredentials& peer,
                         Metadata metadata, MonotonicTime deadline)
    : call_(call),
      peer_(peer),
      metadata_(std::move(metadata)),
      deadline_(deadline) {}

bool CallContext::past_deadline() const {
  return deadline_ != kNoDeadline && Clock::Real().Now() >= deadline_;
}

absl::Duration CallContext::time_remaining() const {
  return TimeUntil(deadline_, Clock::Real().Now());
}

absl::StatusOr<UniqueFd> CallContext::OpenPeerPidfd() const {
  return call_.OpenPeerPidfd();
}

void CallContext::SetCancelled(absl::Status why) {
  MutexLock lock(mu_);
  why_cancelled_ = std::move(why);
  cancelled_.store(true, std::memory_order_release);
}

absl::Status CallContext::cancellation_reason() const {
  {
    MutexLock lock(mu_);
    if (!why_cancelled_.ok()) return why_cancelled_;
  }
  return past_deadline() ? IncomingCall::DeadlinePassed() : absl::OkStatus();
}

std::stop_token CallContext::draining() const { return call_.draining(); }

void CallContext::StopReading() { call_.StopReading(); }

void CallContext::SendHeaders() { call_.SendHeaders(); }

std::stop_token CallContext::cancellation() const {
  MutexLock lock(mu_);
  if (!stop_.has_value()) {
    stop_.emplace();
    // TellCancelled() comes after the flag is set. Nobody can have registered a
    // callback yet, so none runs under the lock.
    if (cancelled_.load(std::memory_order_acquire)) stop_->request_stop();
  }
  return stop_->get_token();
}

void CallContext::TellCancelled() {
  std::optional<std::stop_source> stop;
  {
    MutexLock lock(mu_);
    stop = stop_;
  }
  if (stop.has_value()) stop->request_stop();
}

}  // namespace fdrpc
