#ifndef FDRPC_CLIENT_KEEP_ALIVE_H_
#define FDRPC_CLIENT_KEEP_ALIVE_H_

#include "absl/time/time.h"
#include "base/monotonic_time.h"

namespace fdrpc {

// Decides when a silent server is asked whether it lives, and when it is given
// up. Only while there are calls: a client without any reads nothing. Does
// nothing by itself, and reads no clock: whoever reads the connection looks
// here, and does what it says.
class KeepAlive {
 public:
  // A ping goes out after `interval` of silence, and the server is given up
  // after `timeout` more. An infinite interval: never.
  KeepAlive(absl::Duration interval, absl::Duration timeout)
      : interval_(interval), timeout_(timeout) {}

  bool on() const { return interval_ != absl::InfiniteDuration(); }
  absl::Duration interval() const { return interval_; }
  absl::Duration timeout() const { return timeout_; }

  // There is a call. Silence counts from here if there was none before.
  void OnCall(MonotonicTime now);

  enum class Action {
    kNone,
    kPing,
    // To end the connection, unless something can be read from it yet: perhaps
    // nobody has tried for long.
    kGiveUp,
  };
  // `heard`: whether something was read since the last look.
  Action Look(MonotonicTime now, bool heard, bool has_calls);
  // The server is given up: says so from now on.
  void GiveUp() {
    state_ = State::kGivenUp;
    next_ = kNoDeadline;
  }
  bool gave_up() const { return state_ == State::kGivenUp; }
  // When to look next; kNoDeadline if only a call changes anything.
  MonotonicTime next() const { return next_; }

 private:
  enum class State {
    kIdle,       // no calls
    kListening,  // until next_
    kPinged,     // the server has until next_ to say something
    kGivenUp,    // nothing that comes any more changes that
  };

  absl::Duration interval_;
  absl::Duration timeout_;
  State state_ = State::kIdle;
  MonotonicTime next_ = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_KEEP_ALIVE_H_
