#ifndef FDRPC_SERVER_INTERCEPTOR_H_
#define FDRPC_SERVER_INTERCEPTOR_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "fdrpc/method.h"
#include "fdrpc/server_call.h"

namespace fdrpc {

// Stands between a server and its services and sees every call of a method that
// they have.
class ServerInterceptor {
 public:
  virtual ~ServerInterceptor() = default;

  // Called in place of the handler, which `next` calls: hands the call on, as
  // it is or in a ServerCallFilter (server_call_filter.h), or ends it with
  // call->Finish(). One of them, and once: the client waits for it. `next` is
  // borrowed for the time of this function, and has called a handler that
  // blocks when it returns.
  //
  // Threads: one of the server's, several at once. May block, as handlers do.
  virtual void Serve(
      const Method& method, std::shared_ptr<ServerCall> call,
      absl::FunctionRef<void(std::shared_ptr<ServerCall>)> next) = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_INTERCEPTOR_H_
