#ifndef FDRPC_CALL_H_
#define FDRPC_CALL_H_

// One end of one call, below the typed streams: what generated code and the
// stream templates are written in terms of, and what interceptors see.

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "fdrpc/internal/message_owner.h"
#include "fdrpc/parcel.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// A message to send, borrowed from the caller: plain, or in a parcel. Who takes
// it prepares a parcel (ParcelBase::PrepareToSend) and moves its descriptors
// out; and the message, if its owner can part with it.
struct OutgoingMessage {
  OutgoingMessage(const google::protobuf::MessageLite& plain)  // NOLINT
      : message(&plain) {}
  OutgoingMessage(ParcelBase& with_descriptors)  // NOLINT: a view of it
      : message(&with_descriptors.lite_message()), parcel(&with_descriptors) {}

  const google::protobuf::MessageLite* message;
  ParcelBase* parcel = nullptr;
  bool may_linger = false;                  // WriteOptions
  internal::MessageOwner* owner = nullptr;  // null: it is only borrowed
};

// Where a received message goes, borrowed likewise.
struct IncomingMessage {
  IncomingMessage(google::protobuf::MessageLite& plain)  // NOLINT: a view of it
      : message(&plain) {}
  IncomingMessage(ParcelBase& with_descriptors)  // NOLINT: a view of it
      : message(&with_descriptors.lite_message()), parcel(&with_descriptors) {}

  google::protobuf::MessageLite* message;
  ParcelBase* parcel = nullptr;
  internal::MessageOwner* owner = nullptr;  // as above
};

// What one can wait for at an end of a call. Each is also there once the call
// has ended, so that no wait is for ever.
enum class CallEvent : uint8_t {
  kMessage,  // Take() has a message, or there will be none any more
  kRoom,     // Send() takes a message at once, or no more messages go
  kHeaders,  // a client's: the initial metadata is here
  kEnd,      // the call has ended
};
inline constexpr int kCallEvents = 4;

// Something that is to go on when an event has come. Run() is called once, on
// the thread that runs continuations for the call (a Loop's, a server's),
// without a lock, never from within the call that waits.
class Continuation {
 public:
  virtual void Run() = 0;

 protected:
  Continuation() = default;
  virtual ~Continuation() = default;
  Continuation(const Continuation&) = delete;
  Continuation& operator=(const Continuation&) = delete;

 private:
  friend class ContinuationQueue;
  // Its place in a queue; null when it is in none.
  Continuation* previous_ = nullptr;
  Continuation* next_ = nullptr;
};

// What runs continuations: a Loop.
//
// Threads: any.
class ContinuationRunner {
 public:
  // Has `continuation`, which it borrows, run soon, not within this function.
  virtual void Post(Continuation& continuation) = 0;
  // Takes one back; false if it has begun to run.
  virtual bool Remove(Continuation& continuation) = 0;

 protected:
  ~ContinuationRunner() = default;
};

// One end of one call: messages out, messages in, an end. The same for clients
// and servers, so that streams of both are thin layers over it: to wait, one
// blocks in Await(), or is told by Notify().
//
// Threads: one thread may send while another receives. Abort() may be called
// from any. At most one wait for each event at a time.
class Call {
 public:
  virtual ~Call() = default;

  virtual bool Ready(CallEvent event) = 0;
  // Blocks until `event` is ready, or the call's deadline has ended the call.
  virtual void Await(CallEvent event) = 0;
  // Has `continuation` run once `event` is ready, also if it is already. It is
  // borrowed until it runs or Forget() returns. It may let go of the call
  // before Notify() returns.
  virtual void Notify(CallEvent event, Continuation& continuation) = 0;
  // Takes a continuation back that has not begun to run.
  virtual void Forget(Continuation& continuation) = 0;

  // Moves the next message out, if one is ready: false if none is. One that
  // cannot be parsed ends the call.
  virtual bool Take(IncomingMessage message) = 0;

  // Sends a message, and nothing behind it if `last`; takes it over, or drops
  // it if the call has ended (false). Only when kRoom is ready. A message that
  // cannot be sent, or a parcel that is not in order, ends the call.
  virtual bool Send(OutgoingMessage message, bool last) = 0;

  // Ends the call from this end with `why`, if it has not ended: a client tells
  // the server that it has gone, a server sends the status.
  virtual void Abort(const absl::Status& why) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_H_
