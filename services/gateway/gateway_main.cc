// fdrpc-gateway: passes calls on between gRPC and fdrpc.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/dynamic_method.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/forwarding_service.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "services/gateway/known_services.h"
#include "services/gateway/settings.h"
#include "services/program/serve.h"
#include "services/program/server_main.h"

namespace fdrpc::gateway {
namespace {

// fdrpc's limit for a message; the server has its own.
constexpr int kMostBytes = 64 << 20;
// Of fdrpc, which is more than gRPC's own.
constexpr int kMostMetadata = 64 << 10;
// So that one client alone cannot have all calls that are passed on.
constexpr int kMostCallsOfConnection = 256;
constexpr std::chrono::seconds kDrainTime(10);

std::shared_ptr<::grpc::ServerCredentials> ServerCredentials(
    const std::optional<Settings::Tls>& tls) {
  if (!tls.has_value()) return ::grpc::InsecureServerCredentials();
  ::grpc::SslServerCredentialsOptions options(
      tls->authorities.empty()
          ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
          : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs = {{tls->key, tls->certificate}};
  options.pem_root_certs = tls->authorities;
  return ::grpc::SslServerCredentials(options);
}

std::shared_ptr<::grpc::ChannelCredentials> ChannelCredentials(
    const std::optional<Settings::Tls>& tls) {
  if (!tls.has_value()) return ::grpc::InsecureChannelCredentials();
  return ::grpc::SslCredentials({.pem_root_certs = tls->authorities,
                                 .pem_private_key = tls->key,
                                 .pem_cert_chain = tls->certificate});
}

void AwaitStopSignal() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  int received = 0;
  sigwait(&stop, &received);
}

// From gRPC to a socket of this machine.
absl::Status ServeGrpc(const Settings& settings) {
  absl::StatusOr<Channel> channel = Channel::Connect(settings.to);
  if (!channel.ok()) return channel.status();
  const auto known = KnownServices::Of(*channel, settings);
  if (!known.ok()) return known.status();
  std::vector<std::unique_ptr<DynamicMethod>> methods;
  std::vector<const Method*> served;
  for (const auto* service : known->services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      methods.push_back(std::make_unique<DynamicMethod>(*service->method(i)));
      served.push_back(&methods.back()->method());
    }
  }
  // ServerCredentials() asks for certificates only to verify them.
  grpc::GenericService generic(*channel, served,
                               {.client_certificates_are_verified = true});

  ::grpc::ServerBuilder builder;
  const std::vector<std::string>& listen = settings.listen.addresses;
  std::vector<int> ports(listen.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    builder.AddListeningPort(listen[i], ServerCredentials(settings.tls),
                             &ports[i]);
  }
  builder.RegisterCallbackGenericService(&generic);
  builder.SetMaxReceiveMessageSize(kMostBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMostCallsOfConnection);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMostMetadata);
  const std::unique_ptr<::grpc::Server> server = builder.BuildAndStart();
  for (size_t i = 0; i < ports.size(); ++i) {
    if (server != nullptr && ports[i] != 0) continue;
    return absl::UnavailableError(absl::StrCat(
        "gRPC cannot listen on ", listen[i],
        ": the address is wrong or in use, or the certificate or key is none"));
  }
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string& address = listen[i];
    std::cout << absl::StrCat("listening on ",
                              address.substr(0, address.rfind(':') + 1),
                              ports[i], "\n")
              << std::flush;
  }
  AwaitStopSignal();
  server->Shutdown(std::chrono::system_clock::now() + kDrainTime);
  return absl::OkStatus();
}

// From a socket of this machine to gRPC.
absl::Status ServeLocally(const Settings& settings) {
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMostBytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMostMetadata);
  const grpc::Channel channel(::grpc::CreateCustomChannel(
      settings.to, ChannelCredentials(settings.tls), arguments));
  const auto known = KnownServices::Of(channel, settings);
  if (!known.ok()) return known.status();
  Server server({.notify_service_manager = true});
  for (const auto* service : known->services()) {
    // The server has reflection of its own, from the same files.
    if (service->full_name().starts_with("grpc.reflection.")) continue;
    server.AddService(
        std::make_unique<grpc::ForwardingService>(*service, channel));
  }
  EnableReflection(server);
  return program::ServeUntilStopped(server, settings.listen);
}

absl::Status Serve(Settings settings) {
  program::HoldStopSignals();
  return settings.to_is_local ? ServeGrpc(settings) : ServeLocally(settings);
}

}  // namespace
}  // namespace fdrpc::gateway

int main(int argc, char** argv) {
  return fdrpc::program::ServerMain("fdrpc-gateway", fdrpc::gateway::kUsage,
                                    fdrpc::gateway::ParseSettings,
                                    fdrpc::gateway::Serve, argc, argv);
}
