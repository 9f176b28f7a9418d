#ifndef FDRPC_INTERNAL_SERVE_ASYNC_H_
#define FDRPC_INTERNAL_SERVE_ASYNC_H_

// Serves a generated AsyncService, whose handlers take a handle to the call and
// return.

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/async_server_stream.h"
#include "fdrpc/internal/handler_exceptions.h"
#include "fdrpc/server_call.h"
#include "fdrpc/service.h"

namespace fdrpc::internal {

// Serves a method by calling `handler`, a member function of the generated
// class that takes one of the handles of async_server_stream.h.
template <auto handler>
struct ServeAsync;

template <typename ServiceType, typename Handle,
          void (ServiceType::*handler)(Handle)>
struct ServeAsync<handler> {
  static void Serve(Service& service, std::shared_ptr<ServerCall> call) {
    Handle handle(call);
    if constexpr (requires { handle.request(); }) {
      absl::Status status = call->TakeRequest(handle.incoming());
      if (!status.ok()) return call->Finish(std::move(status), nullptr);
    }
    // Keeps the call: the handler's own handle is destroyed when it throws,
    // which would end the call.
    const Handle kept(handle);
    CallHandler(
        [&] {
          (static_cast<ServiceType&>(service).*handler)(std::move(handle));
        },
        [&](absl::Status threw) { call->Finish(std::move(threw), nullptr); });
  }
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_SERVE_ASYNC_H_
