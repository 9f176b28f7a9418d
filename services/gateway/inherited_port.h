#ifndef FDRPC_SERVICES_GATEWAY_INHERITED_PORT_H_
#define FDRPC_SERVICES_GATEWAY_INHERITED_PORT_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::gateway {

// A listening socket that this process has inherited, such as one of
// systemd.socket(5), as a port of a gRPC server. gRPC listens on addresses
// only; so this accepts the connections, and gives them to it.
class InheritedPort {
 public:
  // `address` is "fd:N". INVALID_ARGUMENT if that is not a listening stream
  // socket.
  static absl::StatusOr<std::unique_ptr<InheritedPort>> Create(
      const std::string& address);
  ~InheritedPort() { Stop(); }

  // Before and after the server is built.
  void AddTo(::grpc::ServerBuilder& builder,
             std::shared_ptr<::grpc::ServerCredentials> credentials);
  absl::Status Start();
  // Accepts no further connections: those that wait are a successor's.
  void Stop();

 private:
  explicit InheritedPort(UniqueFd listener) : listener_(std::move(listener)) {}

  void AcceptUntilStopped();

  const UniqueFd listener_;
  std::unique_ptr<::grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  UniqueFd stopped_;  // readable then
  std::thread thread_;
};

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_INHERITED_PORT_H_
