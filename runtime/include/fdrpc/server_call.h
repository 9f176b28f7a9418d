#ifndef FDRPC_SERVER_CALL_H_
#define FDRPC_SERVER_CALL_H_

#include <memory>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

// A server's end of a call. Send() and Take() are for the streams of methods
// that have them.
class ServerCall : public Call {
 public:
  // Valid as long as the call.
  virtual ServerContext& context() = 0;

  // Parses the one request of a method that takes one. Once.
  virtual absl::Status TakeRequest(IncomingMessage request) = 0;

  // Ends the call, behind what Send() took over; the first Finish() or Abort()
  // counts. `reply` is the one reply of a method that gives one, if the status
  // is OK; null otherwise.
  virtual void Finish(absl::Status status, const OutgoingMessage* reply) = 0;

  // Ends the call with `error` at once, in place of what waits to be sent, for
  // others than its handler: that finds it cancelled and is to Finish() still.
  // Does nothing once the end has been sent.
  virtual void Fail(const absl::Status& error) { Abort(error); }
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_H_
