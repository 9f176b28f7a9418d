#ifndef FDRPC_CLIENT_INTERCEPTOR_H_
#define FDRPC_CLIENT_INTERCEPTOR_H_

#include <memory>
#include <vector>

#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "fdrpc/method.h"

namespace fdrpc {

// Stands between a client's stubs and its channel and sees every call.
class ClientInterceptor {
 public:
  virtual ~ClientInterceptor() = default;

  // Makes the call through `next`, as it is or with another request or other
  // options, and gives back what that gives, as it is or in a ClientCallFilter
  // (client_call_filter.h). Or ends it here: with an AnsweredCall. Not null.
  //
  // Everything is borrowed for the time of this function. `request` is the one
  // request of a method that takes one, else null. options.reply_metadata is
  // null: the user's shows what interceptors made of the metadata.
  //
  // Threads: called on the thread that calls, several at once; must not block
  // if `form` is kNotified.
  virtual std::shared_ptr<ClientCall> StartCall(const Method& method,
                                                const OutgoingMessage* request,
                                                const CallOptions& options,
                                                CallForm form,
                                                Caller& next) = 0;
};

// A caller whose calls go through `interceptors` to `caller`: the first sees a
// call first, and what comes of it last. ChannelOptions::interceptors does this
// for a channel; it is here for other callers, such as a test's.
std::shared_ptr<Caller> Intercept(
    const std::vector<std::shared_ptr<ClientInterceptor>>& interceptors,
    std::shared_ptr<Caller> caller);

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_INTERCEPTOR_H_
