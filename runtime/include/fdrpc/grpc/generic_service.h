#ifndef FDRPC_GRPC_GENERIC_SERVICE_H_
#define FDRPC_GRPC_GENERIC_SERVICE_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/caller.h"
#include "fdrpc/method.h"
#include "fdrpc/server.h"
#include "fdrpc/timeout.h"

namespace fdrpc::grpc {

struct GenericServiceOptions {
  // Whether handlers see the names of clients' certificates
  // (RemotePeer::identity). Only if the gRPC server's credentials verify them:
  // with GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY or
  // GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY. With others,
  // anybody can have any name.
  bool client_certificates_are_verified = false;
  // The most calls at once, of all clients; further ones fail with
  // RESOURCE_EXHAUSTED. What one client may have is the gRPC server's business
  // (GRPC_ARG_MAX_CONCURRENT_STREAMS).
  size_t max_calls = 1024;
};

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
// Ports, credentials and limits are the builder's and its server's. Calls are
// passed on in all their parts: messages with flow control, metadata,
// deadlines, cancellation, statuses with details. What handlers see of the peer
// is in ServerContext::remote_peer(). Descriptors do not cross.
//
//   services->Shutdown(*over_grpc, absl::Seconds(10));
//
// It must exist until the gRPC server is destroyed.
//
// Threads: gRPC calls it on its own; it passes messages on there, or on the
// thread of the process's loop where they had to wait.
class GenericService final : public ::grpc::CallbackGenericService {
 public:
  using Options = GenericServiceOptions;

  // Passes calls to a server of this process: those of the services that have
  // been added to it; others fail with UNIMPLEMENTED. The server need not
  // listen on anything, and is started and ended by its user; until it has
  // started, calls wait. Errors of InProcessChannel().
  static absl::StatusOr<std::unique_ptr<GenericService>> Create(
      Server& server, const GenericServiceOptions& options = {});

  // Passes calls of `methods` to `target`, such as a Channel; other methods
  // fail with UNIMPLEMENTED. Copies the methods.
  GenericService(std::shared_ptr<Caller> target,
                 const std::vector<const Method*>& methods,
                 const GenericServiceOptions& options = {});
  GenericService(const GenericService&) = delete;
  GenericService& operator=(const GenericService&) = delete;

  // Passes calls of these methods from now on, and of no others; calls in
  // progress continue. Copies the methods. From any thread.
  void SetMethods(const std::vector<const Method*>& methods);

  // Shuts `server` down, which serves this: it accepts no further calls and
  // tells its clients, those in progress continue for `drain_timeout`, and then
  // they end with UNAVAILABLE, or with CANCELLED if the client has not read
  // that within a second. Blocks until all have ended, which handlers learn by
  // cancellation. (grpc::Server::Shutdown(deadline) ends calls, too, but that
  // of gRPC 1.51 may use memory that it has released.) Calls of other services
  // of `server` must end by themselves. RESOURCE_EXHAUSTED if the system cannot
  // make a timer: then, all calls have ended at once.
  absl::Status Shutdown(::grpc::Server& server, Timeout drain_timeout);

  // Implementation of CallbackGenericService.
  ::grpc::ServerGenericBidiReactor* CreateReactor(
      ::grpc::GenericCallbackServerContext* context) override;

 private:
  using Methods = std::unordered_map<std::string, Method>;

  std::shared_ptr<const Method> Find(const std::string& path) const;

  const std::shared_ptr<Caller> target_;
  const GenericServiceOptions options_;
  // Of calls that have not ended, which may outlive this.
  const std::shared_ptr<std::atomic<size_t>> calls_ =
      std::make_shared<std::atomic<size_t>>(0);
  // Of calls, when a drain timeout has passed, and a while later.
  std::stop_source ends_;
  std::stop_source waits_no_longer_;

  mutable std::mutex mu_;
  std::shared_ptr<const Methods> methods_;  // by "/full.Name/Method"
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_GENERIC_SERVICE_H_
