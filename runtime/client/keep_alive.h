#ifndef FDRPC_CLIENT_KEEP_ALIVE_H_
#define FDRPC_CLIENT_KEEP_ALIVE_H_

#include "absl/time/time.h"
#include "base/monotonic_time.h"

namespace fdrpc {

// Decides when to send a ping to a silent server, and when to give it up. Only
// while there are calls, because a client without calls reads nothing. Does
// nothing by itself, and reads no clock: the reader of the connection asks it,
// and does what it says.
class KeepAlive {
 public:
  // A ping is due after `interval` of silence, and the server is given up after
  // `timeout` more. Infinite interval: never.
  KeepAlive(absl::Duration interval, absl::Duration timeout)
      : interval_(interval), timeout_(timeout) {}

  bool on() const { return interval_ != absl::InfiniteDuration(); }
  absl::Duration interval() const { return interval_; }
  absl::Duration timeout() const { return timeout_; }

  // There is a call. If there was none before, silence counts from here.
  void OnCall(MonotonicTime now);

  enum class Action {
    kNone,
    kPing,
    // End the connection, unless something can still be read from it: possibly
    // nobody has tried for a long time.
    kGiveUp,
  };
  // `heard`: whether something was read since the last look.
  Action Check(MonotonicTime now, bool heard, bool has_calls);
  // The server is given up. gave_up() is true from now on.
  void GiveUp() {
    state_ = State::kGivenUp;
    next_ = kNoDeadline;
  }
  bool gave_up() const { return state_ == State::kGivenUp; }
  // When to look next; kNoDeadline if only a new call changes anything.
  MonotonicTime next() const { return next_; }

 private:
  enum class State {
    kIdle,       // no calls
    kListening,  // until next_
    kPinged,     // the server has until next_ to answer
    kGivenUp,    // for good, whatever arrives
  };

  absl::Duration interval_;
  absl::Duration timeout_;
  State state_ = State::kIdle;
  MonotonicTime next_ = kNoDeadline;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_KEEP_ALIVE_H_
