#ifndef FDRPC_CLIENT_CALL_H_
#define FDRPC_CLIENT_CALL_H_

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// A client's end of a call. Letting go of the last pointer to it does not end
// it; Abort() does.
class ClientCall : public Call {
 public:
  // Sends nothing behind what was sent. Does nothing if that was said before.
  virtual void HalfClose() = 0;

  // When kHeaders is ready: the server's initial metadata, empty if the call
  // ended without. Borrowed from the call.
  virtual const Metadata& headers() = 0;
  // When kEnd is ready. The status is final once every message has been taken:
  // until then one that cannot be parsed makes an error of OK.
  virtual absl::Status status() = 0;
  virtual const Metadata& trailers() = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_H_
