#ifndef FDRPC_SERVER_CONNECTION_DRAIN_H_
#define FDRPC_SERVER_CONNECTION_DRAIN_H_

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "server/handler_stop.h"

namespace fdrpc {

// The steps by which a connection ceases to accept calls: a state machine that
// tells the connection what to do next. The client is first asked to make no
// more calls; calls that are on the way, with their descriptors, are accepted
// until it has confirmed. A client that reads nothing, because it has no calls,
// is shut out instead. Sends nothing itself.
//
// Threads: the polling one's, except the functions for handlers.
class ConnectionDrain {
 public:
  // How long a client without calls, which may have no thread that reads, has
  // to confirm that it makes none. A client with such a thread needs as long as
  // a busy machine keeps it from a CPU.
  static constexpr absl::Duration kConfirmTime = absl::Milliseconds(100);

  // The client is being asked. False if it was asked before.
  bool Begin(MonotonicTime now, bool has_calls);
  // Any thread.
  bool began() const { return stop_.is_set(); }
  // Tells handlers that it has begun. Any thread.
  HandlerStop& stop() { return stop_; }

  // Whether a call that has arrived, completely or not (`whole`), is accepted.
  bool TakesCall(bool whole);
  // Whether any call is accepted.
  bool takes_calls() const { return state_ != State::kTakesNone; }
  void OnCallTaken() { called_ = true; }
  // The client has confirmed, and the calls that it made before have arrived.
  void OnConfirmed() {
    if (state_ == State::kAsked) state_ = State::kConfirmed;
  }

  enum class Step {
    kWait,         // until the client confirms
    kShutOut,      // call OnShutOut(), then as kSayLastCall
    kSayLastCall,  // send the last call's id; OnLastCallSaid()
    kEndCalls,     // wait until the calls have ended
  };
  Step Next(MonotonicTime now, bool has_calls);
  // When Next() returns something else even if nothing happens.
  MonotonicTime next(bool has_calls) const;

  // Nothing is read except what has arrived, of which complete calls can be
  // served.
  void OnShutOut() { state_ = State::kShutOut; }
  void OnLastCallSaid() { state_ = State::kTakesNone; }

 private:
  enum class State { kTakesCalls, kAsked, kConfirmed, kShutOut, kTakesNone };

  HandlerStop stop_;
  State state_ = State::kTakesCalls;
  bool called_ = false;  // since it last had no calls
  MonotonicTime confirm_until_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_DRAIN_H_
