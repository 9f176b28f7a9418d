#ifndef FDRPC_GRPC_GENERIC_SERVICE_H_
#define FDRPC_GRPC_GENERIC_SERVICE_H_

#include <grpcpp/generic/async_generic_service.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "fdrpc/method.h"
#include "fdrpc/server.h"

namespace fdrpc::grpc {

// Offers services of fdrpc over gRPC. It is a generic service of gRPC, which a
// server there serves beside its own services, and which takes all calls that
// these do not:
//
//   auto services = fdrpc::grpc::GenericService::Create(server);
//   if (!services.ok()) …
//   ::grpc::ServerBuilder builder;
//   builder.AddListeningPort("0.0.0.0:443", credentials);
//   builder.RegisterCallbackGenericService(services->get());
//   std::unique_ptr<::grpc::Server> over_grpc = builder.BuildAndStart();
//
// Ports, credentials, limits and the shutdown are the builder's and its
// server's. Calls are passed on in all their parts: messages with flow control,
// metadata, deadlines, cancellation, statuses with details. What handlers see
// of the peer is in ServerContext::remote_peer(). Descriptors do not cross.
//
// It must exist until the gRPC server is destroyed.
//
// Threads: gRPC calls it on its own; it passes messages on there, or on the
// thread of the process's loop where they had to wait.
class GenericService final : public ::grpc::CallbackGenericService {
 public:
  // Passes calls to a server of this process, whose services have been added.
  // Other services, and UNIMPLEMENTED, are the server's business too. The
  // server need not listen on anything, and is started and ended by its user;
  // without it calls fail with UNAVAILABLE. Errors of InProcessChannel().
  static absl::StatusOr<std::unique_ptr<GenericService>> Create(Server& server);

  // Passes calls of `methods` to `target`, such as a Channel; other methods
  // fail with UNIMPLEMENTED. Copies the methods.
  GenericService(std::shared_ptr<Caller> target,
                 const std::vector<const Method*>& methods);
  GenericService(const GenericService&) = delete;
  GenericService& operator=(const GenericService&) = delete;

  // Implementation of CallbackGenericService.
  ::grpc::ServerGenericBidiReactor* CreateReactor(
      ::grpc::GenericCallbackServerContext* context) override;

 private:
  const std::shared_ptr<Caller> target_;
  std::unordered_map<std::string, Method> methods_;  // by "/full.Name/Method"
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_GENERIC_SERVICE_H_
