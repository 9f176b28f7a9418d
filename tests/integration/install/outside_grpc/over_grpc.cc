// An empty server over gRPC, and a channel to it.
#include <grpcpp/grpcpp.h>

#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/forwarding_service.h"
#include "fdrpc/grpc/generic_service.h"

int main() {
  fdrpc::Server server;
  const auto generic = fdrpc::grpc::GenericService::Create(server);
  if (!generic.ok() || !server.Start().ok()) return 1;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterCallbackGenericService(generic->get());
  const auto over_grpc = builder.BuildAndStart();
  if (over_grpc == nullptr) return 1;
  const fdrpc::grpc::Channel channel(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  const bool ready = channel.WaitForReady(absl::Seconds(60)).ok();
  const bool ended =
      (*generic)->Shutdown(*over_grpc, absl::ZeroDuration()).ok();
  return ready && ended ? 0 : 1;
}
