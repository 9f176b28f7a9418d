#ifndef FDRPC_SERVER_CALL_H_
#define FDRPC_SERVER_CALL_H_

#include <memory>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/server_context.h"

namespace fdrpc {

// A server's side of a call. Send() and Take() are for the streams of methods
// that have them.
class FDRPC_API ServerCall : public Call {
 public:
  // Valid as long as the call.
  virtual ServerContext& context() = 0;

  // Parses the single request of a method that takes one. Call it once.
  virtual absl::Status TakeRequest(IncomingMessage request) = 0;

  // Ends the call, after what Send() took over; the first Finish() or Abort()
  // counts. `reply` is the single reply of a method that returns one, if the
  // status is OK; null otherwise.
  virtual void Finish(absl::Status status, const OutgoingMessage* reply) = 0;

  // Ends the call with `error` at once, without sending what waits. For callers
  // other than its handler, which finds it cancelled and must still call
  // Finish(). Does nothing once the status has been sent.
  virtual void Fail(const absl::Status& error) { Abort(error); }
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_CALL_H_
