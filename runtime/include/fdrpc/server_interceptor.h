#ifndef FDRPC_SERVER_INTERCEPTOR_H_
#define FDRPC_SERVER_INTERCEPTOR_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/method.h"
#include "fdrpc/server_call.h"

namespace fdrpc {

// Sees every call of a service's methods between a server and the service.
class FDRPC_API ServerInterceptor {
 public:
  virtual ~ServerInterceptor() = default;

  // Called in place of the handler, which `next` calls. Passes the call on,
  // possibly in a ServerCallFilter (server_call_filter.h), or ends it with
  // call->Finish(). It must do one of them, once, because the client waits for
  // it. `next` is borrowed during this function; when it returns, a blocking
  // handler has been called.
  //
  // Threads: one of the server's, several at once. May block, like handlers.
  virtual void Serve(
      const Method& method, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_INTERCEPTOR_H_
