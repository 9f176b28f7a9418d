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

// Makes the frames that open a call, with its request if that is not a stream,
// for the first attempt and for further ones. Descriptors can be sent once.
class CallRequest {
 public:
  // `request` is null for a stream. If it is borrowed, it and `metadata` must
  // not change during this object's lifetime; otherwise it copies what further
  // attempts need. `open` gets the frames of the first attempt. Errors such as
  // INVALID_ARGUMENT say what cannot be sent.
  absl::Status Prepare(const Method& method, const OutgoingMessage* request,
                       bool borrow, bool has_timeout, const Metadata& metadata,
                       OutgoingFrames& open);

  size_t bytes() const { return bytes_; }
  size_t descriptors() const { return descriptors_; }

  // Whether the first frames serve for all attempts: there is one small frame,
  // which is sent as a copy.
  bool stays() const { return stays_; }

  // The frames for a further attempt. None if that is not possible, because the
  // descriptors were sent with the first.
  OutgoingFrames BuildAgain() const;

 private:
  // The source of further attempts: the borrowed message, or copies.
  const google::protobuf::MessageLite* message_ = nullptr;
  OutgoingFrames copies_;
  bool stays_ = false;
  bool one_way_ = false;
  bool has_timeout_ = false;
  const Metadata* metadata_ = nullptr;
  size_t bytes_ = 0;
  size_t descriptors_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_REQUEST_H_
