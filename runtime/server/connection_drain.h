#ifndef FDRPC_SERVER_CONNECTION_DRAIN_H_
#define FDRPC_SERVER_CONNECTION_DRAIN_H_

#include "absl/time/time.h"
#include "base/monotonic_time.h"
#include "server/handler_stop.h"

namespace fdrpc {

// How a connection comes to take no more calls: a state machine, which the
// connection asks what it is to do next. Its client is asked first to make no
// more calls; those that are on the way, with their descriptors, are taken
// until it has confirmed. One that reads nothing, since it has no calls, is
// shut out instead.
//
// Threads: the polling one's, but for what handlers are told by.
class ConnectionDrain {
 public:
  // For how long a client without calls, which has perhaps no thread that
  // reads, may take to confirm that it makes none. One that has a thread needs
  // as long as a busy machine keeps it from a processor.
  static constexpr absl::Duration kConfirmTime = absl::Milliseconds(100);

  // The client is being asked. False if it was before.
  bool Begin(MonotonicTime now, bool has_calls);
  // Any thread.
  bool began() const { return stop_.is_set(); }
  // What tells handlers that it has begun. Any thread.
  HandlerStop& stop() { return stop_; }

  // Whether a call that has come is taken, which is here `whole` or not.
  bool TakesCall(bool whole);
  // Whether any are.
  bool takes_calls() const { return state_ != State::kTakesNone; }
  void OnCallTaken() { called_ = true; }
  // The client knows, and the calls that it made before are here.
  void OnConfirmed() {
    if (state_ == State::kAsked) state_ = State::kConfirmed;
  }

  enum class Step {
    kWait,         // for the client to confirm
    kShutOut,      // OnShutOut(), then as kSayLastCall
    kSayLastCall,  // tell the client which calls were taken; OnLastCallSaid()
    kEndCalls,     // wait until they have ended
  };
  Step Next(MonotonicTime now, bool has_calls);
  // When Next() gives something else though nothing happens.
  MonotonicTime next(bool has_calls) const;

  // Nothing more is read than what is here, of which calls that are whole can
  // be served.
  void OnShutOut() { state_ = State::kShutOut; }
  void OnLastCallSaid() { state_ = State::kTakesNone; }

 private:
  enum class State { kTakesCalls, kAsked, kConfirmed, kShutOut, kTakesNone };

  HandlerStop stop_;
  State state_ = State::kTakesCalls;
  bool called_ = false;  // since it was last seen without calls
  MonotonicTime confirm_until_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CONNECTION_DRAIN_H_
