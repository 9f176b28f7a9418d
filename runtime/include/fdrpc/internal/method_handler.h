#ifndef FDRPC_INTERNAL_METHOD_HANDLER_H_
#define FDRPC_INTERNAL_METHOD_HANDLER_H_

#include <memory>

#include "fdrpc/method.h"

namespace fdrpc {

class ServerCall;
class Service;

}  // namespace fdrpc

namespace fdrpc::internal {

// One method of a service with the code that serves it: called on a thread of
// the server once the request is here, or, for methods that take a stream of
// them, once the call is. It may block.
struct MethodHandler {
  const Method* method = nullptr;
  void (*serve)(Service& service, std::shared_ptr<ServerCall> call) = nullptr;
  // Whose code it is; null: that of the service that has this.
  Service* service = nullptr;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_METHOD_HANDLER_H_
