#ifndef FDRPC_CALLER_H_
#define FDRPC_CALLER_H_

#include <memory>

#include "absl/status/status.h"
#include "fdrpc/call.h"
#include "fdrpc/call_options.h"
#include "fdrpc/client_call.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/method.h"

namespace fdrpc {

// How the user of a call will wait for it.
enum class CallForm {
  kBlocking,  // Await(); needs no thread
  kNotified,  // Notify()
};

// What a generated stub makes calls through: a Channel's connection to a
// server, or a test double.
//
// Threads: any number of threads may call every method at once.
class FDRPC_API Caller {
 public:
  virtual ~Caller() = default;

  // Makes one unary call and blocks until it has ended. `reply` has the
  // server's message if and only if the status is OK.
  virtual absl::Status CallUnary(const Method& method, OutgoingMessage request,
                                 IncomingMessage reply,
                                 const CallOptions& options) = 0;

  // Starts a call of any kind. Never null: a call that cannot be made ends with
  // the reason. `request` is the single request of a method that takes one,
  // sent with the half-close; null for methods that take a stream.
  virtual std::shared_ptr<ClientCall> StartCall(const Method& method,
                                                const OutgoingMessage* request,
                                                const CallOptions& options,
                                                CallForm form) = 0;

  // Runs the continuations of calls that end without a server. May start a
  // thread. Null: the caller has no runner of its own.
  virtual std::shared_ptr<ContinuationRunner> runner() { return nullptr; }
};

}  // namespace fdrpc

#endif  // FDRPC_CALLER_H_
