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
#include "fdrpc/server_activity.h"
#include "fdrpc/server_interceptor.h"
#include "fdrpc/service.h"
#include "server/method_counters.h"

namespace fdrpc {

// One method with the service object that serves it, and the interceptors that
// see its calls before. Borrows all of them.
struct RegisteredMethod {
  Service* service = nullptr;
  const internal::MethodHandler* handler = nullptr;
  absl::Span<const std::shared_ptr<ServerInterceptor>> interceptors = {};
  MethodCounters* counters = nullptr;  // null: its calls are not counted

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

  // From now on counts the calls of all methods, also of services that are
  // added later.
  void CountCalls();
  // Empty if they are not counted. In the order of Add().
  std::vector<MethodActivity> activity() const;

  // Borrows `service`. A second one with the same name is a programmer's error.
  void Add(Service& service);

  // Whether the requests of any method have descriptors.
  bool takes_descriptors() const { return takes_descriptors_; }
  // In the order of Add().
  std::vector<const Service*> services() const {
    return {in_order_.begin(), in_order_.end()};
  }
  // UNIMPLEMENTED if there is no such service or method.
  absl::StatusOr<RegisteredMethod> Find(std::string_view full_name) const;

 private:
  struct CountedMethod {
    std::string name;
    std::unique_ptr<MethodCounters> counters;
  };

  MethodCounters* Count(const std::string& name);

  const std::vector<std::shared_ptr<ServerInterceptor>> interceptors_;
  std::vector<Service*> in_order_;
  absl::flat_hash_map<std::string, Service*> services_;
  absl::flat_hash_map<std::string, RegisteredMethod> methods_;
  bool takes_descriptors_ = false;
  bool counts_calls_ = false;
  // In the order of Add(); RegisteredMethods borrow the counters.
  std::vector<CountedMethod> counted_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_SERVICE_REGISTRY_H_
