#ifndef FDRPC_CALLER_H_
#define FDRPC_CALLER_H_

#include "absl/status/status.h"
#include "fdrpc/call_options.h"
#include "fdrpc/method.h"
#include "fdrpc/parcel.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// A message to send, borrowed from the caller: plain, or in a parcel that has
// been prepared (ParcelBase::PrepareToSend) and whose descriptors are moved out
// once they are queued.
struct OutgoingMessage {
  OutgoingMessage(const google::protobuf::MessageLite& plain)  // NOLINT
      : message(&plain) {}
  OutgoingMessage(ParcelBase& with_descriptors)  // NOLINT: a view of it
      : message(&with_descriptors.lite_message()), parcel(&with_descriptors) {}

  const google::protobuf::MessageLite* message;
  ParcelBase* parcel = nullptr;
};

// Where a received message goes, borrowed likewise.
struct IncomingMessage {
  IncomingMessage(google::protobuf::MessageLite& plain)  // NOLINT: a view of it
      : message(&plain) {}
  IncomingMessage(ParcelBase& with_descriptors)  // NOLINT: a view of it
      : message(&with_descriptors.lite_message()), parcel(&with_descriptors) {}

  google::protobuf::MessageLite* message;
  ParcelBase* parcel = nullptr;
};

// What a generated stub calls through: a Channel's connection to a server, or a
// test's own double.
//
// Threads: every method may be called from any number of threads at once.
class Caller {
 public:
  virtual ~Caller() = default;

  // Makes one unary call and blocks until it has ended. `reply` holds the
  // server's message if and only if the status is OK.
  virtual absl::Status CallUnary(const Method& method, OutgoingMessage request,
                                 IncomingMessage reply,
                                 const CallOptions& options) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CALLER_H_
