#ifndef FDRPC_CALLER_H_
#define FDRPC_CALLER_H_

#include <memory>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/call_options.h"
#include "fdrpc/client_call.h"
#include "fdrpc/method.h"

namespace fdrpc {

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
