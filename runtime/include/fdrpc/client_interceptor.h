#ifndef FDRPC_CLIENT_INTERCEPTOR_H_
#define FDRPC_CLIENT_INTERCEPTOR_H_

#include <memory>
#include <vector>

#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/method.h"

namespace fdrpc {

// Sees every call between a client's stubs and its channel.
class FDRPC_API ClientInterceptor {
 public:
  virtual ~ClientInterceptor() = default;

  // Makes the call through `next`, possibly with another request or other
  // options, and returns the result, possibly in a ClientCallFilter
  // (client_call_filter.h). Or answers the call itself, with an AnsweredCall.
  // Not null.
  //
  // All arguments are borrowed during this function. `request` is the single
  // request of a method that takes one, else null. options.reply_metadata is
  // null: the user gets the metadata as the interceptors have changed it.
  //
  // Threads: called on the calling thread, several at once. Must not block if
  // `form` is kNotified.
  virtual std::shared_ptr<ClientCall> StartCall(const Method& method,
                                                const OutgoingMessage* request,
                                                const CallOptions& options,
                                                CallForm form,
                                                Caller& next) = 0;
};

// A caller whose calls go through `interceptors` to `caller`: the first one
// sees a call first, and its results last. ChannelOptions::interceptors does
// this for a channel; this function is for other callers, such as a test
// double.
FDRPC_API std::shared_ptr<Caller> Intercept(
    const std::vector<std::shared_ptr<ClientInterceptor>>& interceptors,
    std::shared_ptr<Caller> caller);

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_INTERCEPTOR_H_
