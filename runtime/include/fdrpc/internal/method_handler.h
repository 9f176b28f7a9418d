#ifndef FDRPC_INTERNAL_METHOD_HANDLER_H_
#define FDRPC_INTERNAL_METHOD_HANDLER_H_

#include <memory>

#include "fdrpc/method.h"

namespace fdrpc {

class ServerCall;
class Service;

}  // namespace fdrpc

namespace fdrpc::internal {

// One method of a service with the function that serves it. The function is
// called on a thread of the server when the request has arrived or, for methods
// that take a stream, when the call has. It may block.
struct MethodHandler {
  const Method* method = nullptr;
  void (*serve)(Service& service, std::shared_ptr<ServerCall> call) = nullptr;
  // The service that the function belongs to; null: the one that has this
  // table.
  Service* service = nullptr;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_METHOD_HANDLER_H_
