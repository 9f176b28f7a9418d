#ifndef FDRPC_CLIENT_CALL_H_
#define FDRPC_CLIENT_CALL_H_

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// A client's side of a call. Releasing the last pointer does not end the call;
// Abort() does.
class FDRPC_API ClientCall : public Call {
 public:
  // Half-closes: sends nothing after what was sent. Further calls do nothing.
  virtual void HalfClose() = 0;

  // When kHeaders is ready: the server's initial metadata, empty if the call
  // ended without. Borrowed from the call.
  virtual const Metadata& headers() = 0;
  // When kEnd is ready. The status is final once every message has been taken:
  // until then, a message that cannot be parsed can turn OK into an error. Also
  // writes CallOptions::reply_metadata, so that it is filled by the thread that
  // learns how the call ended.
  virtual absl::Status status() = 0;
  virtual const Metadata& trailers() = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_H_
