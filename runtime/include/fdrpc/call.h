#ifndef FDRPC_CALL_H_
#define FDRPC_CALL_H_

// One side of a call, below the typed streams. Generated code and the stream
// templates use it, and interceptors see it.

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/internal/message_owner.h"
#include "fdrpc/parcel.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// A message to send, borrowed from the caller, plain or in a parcel. The
// receiver of this object prepares a parcel (ParcelBase::PrepareToSend) and
// moves its descriptors out. It also moves the message, if the owner allows it.
struct OutgoingMessage {
  OutgoingMessage(const google::protobuf::MessageLite& plain)  // NOLINT
      : message(&plain) {}
  OutgoingMessage(ParcelBase& with_descriptors)  // NOLINT: a view of it
      : message(&with_descriptors.lite_message()), parcel(&with_descriptors) {}

  const google::protobuf::MessageLite* message;
  ParcelBase* parcel = nullptr;
  bool may_linger = false;                  // as in WriteOptions
  internal::MessageOwner* owner = nullptr;  // null: it is only borrowed
};

// The place for a received message, borrowed in the same way.
struct IncomingMessage {
  IncomingMessage(google::protobuf::MessageLite& plain)  // NOLINT: a view of it
      : message(&plain) {}
  IncomingMessage(ParcelBase& with_descriptors)  // NOLINT: a view of it
      : message(&with_descriptors.lite_message()), parcel(&with_descriptors) {}

  google::protobuf::MessageLite* message;
  ParcelBase* parcel = nullptr;
  internal::MessageOwner* owner = nullptr;  // as above
};

// The events that one side of a call can wait for. Each is also ready once the
// call has ended, so no wait lasts for ever.
enum class CallEvent : uint8_t {
  kMessage,  // Take() has a message, or there will be no more
  kRoom,     // Send() takes a message at once, or none any more
  kHeaders,  // on a client: the initial metadata has arrived
  kEnd,      // the call has ended
};
inline constexpr int kCallEvents = 4;

// Something to continue when an event has occurred. Run() is called once, on
// the thread that runs continuations for the call (of a Loop or a server),
// without a lock, and never from within the call that waits.
class FDRPC_API Continuation {
 public:
  virtual void Run() = 0;

 protected:
  Continuation() = default;
  virtual ~Continuation() = default;
  Continuation(const Continuation&) = delete;
  Continuation& operator=(const Continuation&) = delete;

 private:
  friend class ContinuationQueue;
  // Its place in a queue; null if it is not in one.
  Continuation* previous_ = nullptr;
  Continuation* next_ = nullptr;
};

// Runs continuations, as a Loop does.
//
// Threads: any.
class FDRPC_API ContinuationRunner {
 public:
  // Runs `continuation`, which is borrowed, soon, and not within this function.
  virtual void Post(Continuation& continuation) = 0;
  // Removes one; false if it has begun to run.
  virtual bool Remove(Continuation& continuation) = 0;

 protected:
  ~ContinuationRunner() = default;
};

// One side of a call: messages out, messages in, and an end. The interface is
// the same for clients and servers, so that the streams of both are thin layers
// over it. To wait, block in Await(), or be told by Notify().
//
// Threads: one thread may send while another receives. Abort() may be called
// from any thread. At most one wait for each event at a time.
class FDRPC_API Call {
 public:
  virtual ~Call() = default;

  virtual bool Ready(CallEvent event) = 0;
  // Blocks until `event` is ready, or the call's deadline has ended the call.
  virtual void Await(CallEvent event) = 0;
  // Runs `continuation` once `event` is ready, also if it is ready now. The
  // continuation is borrowed until it runs or Forget() returns. It may release
  // the call before Notify() returns.
  virtual void Notify(CallEvent event, Continuation& continuation) = 0;
  // Removes a continuation that has not begun to run.
  virtual void Forget(Continuation& continuation) = 0;

  // Moves the next message out, if one is ready; otherwise false. A message
  // that cannot be parsed ends the call.
  virtual bool Take(IncomingMessage message) = 0;

  // Takes a message over to be sent, or drops it and returns false if the call
  // has ended. With `last`, nothing follows it. Only when kRoom is ready. A
  // message that cannot be sent, or a parcel that is not in order, ends the
  // call.
  virtual bool Send(OutgoingMessage message, bool last) = 0;

  // Ends the call from this side with `why`, if it has not ended: a client
  // sends a cancel, a server sends the status.
  virtual void Abort(const absl::Status& why) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CALL_H_
