#ifndef FDRPC_HEALTH_SERVICE_H_
#define FDRPC_HEALTH_SERVICE_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "fdrpc/server.h"
#include "fdrpc/service.h"

namespace fdrpc {

// Whether a service can be used; SERVING and NOT_SERVING of
// grpc.health.v1.HealthCheckResponse.
enum class Health {
  kServing,
  kNotServing,
};

// Serves gRPC's health service, grpc.health.v1.Health: tells clients what the
// program has set. The server as a whole, whose name is "", serves from the
// start; a service has no status before it is given one.
//
// Watchers hold no thread. When the server shuts down, or their connection has
// reached its max_connection_age, their calls end with UNAVAILABLE.
//
// Threads: any, also handlers.
class HealthService final : public Service {
 public:
  HealthService();
  ~HealthService() override;

  // `service` is "package.Service". Clients cannot ask for names of more than
  // 200 bytes, as in gRPC. Watchers are told at once. Does not block.
  void SetHealth(std::string_view service, Health health);
  // The server says nothing about `service` any more.
  void Forget(std::string_view service);
  // Everything that has a status is NOT_SERVING, also what gets one later.
  void StopServing();

  // How many calls watch a status now.
  size_t watchers() const;

  std::string_view full_name() const override;
  absl::Span<const internal::MethodHandler> method_handlers() const override;
  std::string_view descriptor_files() const override;

 private:
  class Handlers;
  const std::unique_ptr<Handlers> handlers_;
  std::vector<internal::MethodHandler> table_;
};

// Makes `server`, which owns the service, tell its health. Before it serves.
// The result is valid until the server is destroyed.
HealthService& EnableHealth(Server& server);

}  // namespace fdrpc

#endif  // FDRPC_HEALTH_SERVICE_H_
