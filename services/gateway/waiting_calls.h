#ifndef FDRPC_SERVICES_GATEWAY_WAITING_CALLS_H_
#define FDRPC_SERVICES_GATEWAY_WAITING_CALLS_H_

#include <memory>
#include <utility>

#include "fdrpc/client_interceptor.h"
#include "services/gateway/settings.h"

namespace fdrpc::gateway {

// Lets calls wait for their server, which their clients cannot ask for: gRPC
// does not transmit that.
class WaitingCalls final : public ClientInterceptor {
 public:
  std::shared_ptr<ClientCall> StartCall(const Method& method,
                                        const OutgoingMessage* request,
                                        const CallOptions& options,
                                        CallForm form, Caller& next) override {
    CallOptions waiting = options;
    waiting.wait_for_ready = true;
    return next.StartCall(method, request, waiting, form);
  }
};

// The caller through which a gateway with these settings passes calls on.
inline std::shared_ptr<Caller> PassingOn(std::shared_ptr<Caller> channel,
                                         const Settings& settings) {
  if (!settings.wait_for_ready) return channel;
  return Intercept({std::make_shared<WaitingCalls>()}, std::move(channel));
}

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_WAITING_CALLS_H_
