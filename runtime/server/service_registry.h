#ifndef FDRPC_SERVER_SERVICE_REGISTRY_H_
#define FDRPC_SERVER_SERVICE_REGISTRY_H_

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "fdrpc/service.h"

namespace fdrpc {

// One method with the service object that serves it.
struct RegisteredMethod {
  Service* service = nullptr;
  const MethodHandler* handler = nullptr;

  // Which directions are streams of messages; the others have one message.
  bool streams_requests() const {
    return kind() == MethodKind::kClientStreaming ||
           kind() == MethodKind::kBidirectional;
  }
  bool streams_replies() const {
    return kind() == MethodKind::kServerStreaming ||
           kind() == MethodKind::kBidirectional;
  }
  MethodKind kind() const { return handler->method->kind; }
};

// Which services a server has. Filled before it serves, read-only from then on.
class ServiceRegistry {
 public:
  // Borrows `service`. A second one of the same name is a programmer's error.
  void Add(Service& service);

  // UNIMPLEMENTED if there is no service or no method of that name.
  absl::StatusOr<RegisteredMethod> Find(std::string_view full_name) const;

 private:
  absl::flat_hash_map<std::string, Service*> services_;
  absl::flat_hash_map<std::string, RegisteredMethod> methods_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVICE_REGISTRY_H_
