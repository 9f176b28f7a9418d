#ifndef FDRPC_CALLER_H_
#define FDRPC_CALLER_H_

#include <memory>
#include <utility>

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
  // When kEnd is ready. The status is final once every message has been taken:
  // until then one that cannot be parsed makes an error of OK.
  virtual absl::Status status() = 0;
  virtual const Metadata& trailers() = 0;
};

// Takes the one reply of a call that has ended, and says how it did: `reply`
// holds the server's message if and only if that is OK.
inline absl::Status TakeReply(ClientCall& call, IncomingMessage reply) {
  const bool taken = call.Take(reply);
  absl::Status status = call.status();
  if (!taken && status.ok()) {
    return absl::InternalError("the call ended without a reply");
  }
  return status;
}
template <typename Reply>
absl::StatusOr<Reply> TakeReply(ClientCall& call) {
  absl::StatusOr<Reply> reply{Reply()};
  absl::Status status = TakeReply(call, *reply);
  if (!status.ok()) reply = std::move(status);
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

  // Runs the continuations of calls that are notified, for calls that end
  // without a server. May start a thread. Null: the caller has none of its own.
  virtual std::shared_ptr<ContinuationRunner> runner() { return nullptr; }
};

}  // namespace fdrpc

#endif  // FDRPC_CALLER_H_
