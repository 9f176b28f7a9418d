#include "client/keep_alive.h"

namespace fdrpc {

void KeepAlive::OnCall(MonotonicTime now) {
  if (!on() || state_ != State::kIdle) return;
  state_ = State::kListening;
  next_ = DeadlineAfter(now, interval_);
}

KeepAlive::Action KeepAlive::Check(MonotonicTime now, bool heard,
                                   bool has_calls) {
  if (gave_up()) return Action::kNone;
  if (heard || !has_calls) {
    state_ = State::kIdle;
    next_ = kNoDeadline;
  }
  if (has_calls) OnCall(now);
  if (now < next_ || state_ == State::kIdle) return Action::kNone;
  if (state_ == State::kPinged) return Action::kGiveUp;
  state_ = State::kPinged;
  next_ = DeadlineAfter(now, timeout_);
  return Action::kPing;
}

}  // namespace fdrpc
