#ifndef FDRPC_CALLER_H_
#define FDRPC_CALLER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/call.h"
#include "fdrpc/call_options.h"
#include "fdrpc/metadata.h"
#include "fdrpc/method.h"

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
  // When kEnd is ready. The status can still change from OK to an error, until
  // every message has been taken: by one that cannot be parsed.
  virtual absl::Status status() = 0;
  virtual const Metadata& trailers() = 0;
};

// The one reply of a call that has ended, or why there is none.
template <typename Reply>
absl::StatusOr<Reply> TakeReply(ClientCall& call) {
  absl::StatusOr<Reply> reply{Reply()};
  if (call.status().ok()) call.Take(*reply);
  if (absl::Status status = call.status(); !status.ok()) reply = status;
  return reply;
}

// How the user of a call is going to wait for it.
enum class CallForm {
  kBlocking,  // Await(); needs no thread
  kNotified,  // Notify()
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

  // Begins a call of any kind. Never null: what is wrong with the call, it ends
  // with. `request` is the one request of a method that takes one, sent with
  // the half-close; null for methods that take a stream.
  virtual std::shared_ptr<ClientCall> StartCall(const Method& method,
                                                const OutgoingMessage* request,
                                                const CallOptions& options,
                                                CallForm form) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CALLER_H_
