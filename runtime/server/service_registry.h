#ifndef FDRPC_SERVER_SERVICE_REGISTRY_H_
#define FDRPC_SERVER_SERVICE_REGISTRY_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/server_interceptor.h"
#include "fdrpc/service.h"

namespace fdrpc {

// One method with the service object that serves it, and the interceptors that
// see its calls before. Borrows all of them.
struct RegisteredMethod {
  Service* service = nullptr;
  const internal::MethodHandler* handler = nullptr;
  absl::Span<const std::shared_ptr<ServerInterceptor>> interceptors = {};

  // Serves a call, through the interceptors.
  void Serve(std::shared_ptr<ServerCall> call) const;

  bool streams_requests() const { return handler->method->streams_requests(); }
  bool streams_replies() const { return handler->method->streams_replies(); }
  MethodKind kind() const { return handler->method->kind; }
};

// The services and interceptors of a server. Filled before it serves, and
// read-only from then on.
class ServiceRegistry {
 public:
  // `interceptors`: the first one sees a call first.
  explicit ServiceRegistry(
      std::vector<std::shared_ptr<ServerInterceptor>> interceptors = {})
      : interceptors_(std::move(interceptors)) {}

  // Borrows `service`. A second one with the same name is a programmer's error.
  void Add(Service& service);

  // UNIMPLEMENTED if there is no such service or method.
  absl::StatusOr<RegisteredMethod> Find(std::string_view full_name) const;

 private:
  const std::vector<std::shared_ptr<ServerInterceptor>> interceptors_;
  absl::flat_hash_map<std::string, Service*> services_;
  absl::flat_hash_map<std::string, RegisteredMethod> methods_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVICE_REGISTRY_H_
