#include "server/connection_drain.h"

#include <utility>

namespace fdrpc {

bool ConnectionDrain::Begin(MonotonicTime now, bool has_calls) {
  if (!stop_.Set()) return false;
  state_ = State::kAsked;
  confirm_until_ = DeadlineAfter(now, kConfirmTime);
  called_ = has_calls;
  return true;
}

bool ConnectionDrain::TakesCall(bool whole) {
  // The client learns which calls were not accepted: none after this one is.
  if (state_ == State::kShutOut && !whole) state_ = State::kTakesNone;
  return takes_calls();
}

ConnectionDrain::Step ConnectionDrain::Next(MonotonicTime now, bool has_calls) {
  if (state_ == State::kTakesNone) return Step::kEndCalls;
  if (state_ == State::kConfirmed) return Step::kSayLastCall;
  // With calls in progress the client reads, and confirms sooner or later,
  // possibly after the last statuses.
  if (!has_calls && std::exchange(called_, false)) {
    confirm_until_ = DeadlineAfter(now, kConfirmTime);
  }
  return has_calls || now < confirm_until_ ? Step::kWait : Step::kShutOut;
}

MonotonicTime ConnectionDrain::next(bool has_calls) const {
  return state_ == State::kAsked && !has_calls ? confirm_until_ : kNoDeadline;
}

}  // namespace fdrpc
