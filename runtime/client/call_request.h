#ifndef FDRPC_CLIENT_CALL_REQUEST_H_
#define FDRPC_CLIENT_CALL_REQUEST_H_

#include <cstddef>

#include "absl/status/status.h"
#include "connection/frame_builder.h"
#include "fdrpc/call.h"
#include "fdrpc/metadata.h"
#include "fdrpc/method.h"
#include "google/protobuf/message_lite.h"

namespace fdrpc {

// The beginning of a call, with its request if that is not a stream: for the
// first attempt to make the call and for further ones. Descriptors can go once.
class CallRequest {
 public:
  // `request` is null for a stream. If it is borrowed, it and `metadata` stay
  // as they are as long as this object; else what further attempts need is
  // copied. INVALID_ARGUMENT and the like say what cannot be sent.
  absl::Status Prepare(const Method& method, const OutgoingMessage* request,
                       bool borrow, bool has_timeout, const Metadata& metadata);

  size_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

  // Whether Build() is wanted once only: its one frame, which has nothing but a
  // few bytes, is sent as a copy.
  bool stays() const { return stays_; }

  // The frames, for one attempt. None if there can be no further one: the
  // descriptors went with the first.
  OutgoingFrames Build();

 private:
  OutgoingFrames first_;
  // What further attempts are built from: the borrowed message, or copies.
  const google::protobuf::MessageLite* message_ = nullptr;
  OutgoingFrames copies_;
  bool stays_ = false;
  bool has_timeout_ = false;
  const Metadata* metadata_ = nullptr;
  size_t bytes_ = 0;
  size_t descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_REQUEST_H_
