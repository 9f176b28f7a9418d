#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/dynamic_method.h"
#include "fdrpc/grpc/generic_service.h"
#include "services/gateway/direction.h"
#include "services/gateway/inherited_port.h"
#include "services/gateway/known_services.h"
#include "services/gateway/limits.h"
#include "services/gateway/waiting_calls.h"

namespace fdrpc::gateway {
namespace {

// So that one connection alone cannot have all calls that are passed on. (A
// client that makes four of them can.)
constexpr int kMostCallsOfConnection = 256;
// A connection with calls is asked for a sign of life after a time without one,
// and closed if there is none: its peer may have vanished, and calls without
// deadlines would stay.
constexpr int kKeepAliveMilliseconds = 60'000;
constexpr int kKeepAliveTimeoutMilliseconds = 20'000;
// Of gRPC, for what has been received, and not been passed on, of all calls.
constexpr size_t kMostMemory = size_t{1} << 30;

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

bool IsInherited(const std::string& address) {
  return address.starts_with("fd:");
}

class GrpcToLocal final : public Direction {
 public:
  explicit GrpcToLocal(const Settings& settings) : settings_(settings) {}

  absl::Status Learn() override {
    absl::StatusOr<Channel> channel = Channel::Connect(settings_.to);
    if (!channel.ok()) return channel.status();
    if (!settings_.descriptor_set.empty()) {
      // Otherwise reflection waits for it.
      absl::Status ready = channel->WaitForReady(settings_.timeout);
      if (!ready.ok()) return ready;
    }
    // ServerCredentials() asks for certificates only to verify them.
    target_ = PassingOn(*channel, settings_);
    generic_.emplace(
        target_, std::vector<const Method*>(),
        grpc::GenericServiceOptions{.client_certificates_are_verified = true});
    return Reload({});
  }

  absl::Status Reload(std::stop_token stop) override {
    const auto known = KnownServices::Of(target_, settings_, std::move(stop));
    if (!known.ok()) return known.status();
    std::vector<std::unique_ptr<DynamicMethod>> methods;
    std::vector<const Method*> served;
    for (const auto* service : known->services()) {
      for (int i = 0; i < service->method_count(); ++i) {
        methods.push_back(std::make_unique<DynamicMethod>(*service->method(i)));
        served.push_back(&methods.back()->method());
      }
    }
    generic_->SetMethods(served);
    return absl::OkStatus();
  }

  absl::Status Start() override {
    ::grpc::ServerBuilder builder;
    const std::vector<std::string>& listen = settings_.listen.addresses;
    std::vector<int> ports(listen.size());
    for (size_t i = 0; i < ports.size(); ++i) {
      if (!IsInherited(listen[i])) {
        builder.AddListeningPort(listen[i], ServerCredentials(settings_.tls),
                                 &ports[i]);
        continue;
      }
      auto port = InheritedPort::Create(listen[i]);
      if (!port.ok()) return port.status();
      (*port)->AddTo(builder, ServerCredentials(settings_.tls));
      inherited_.push_back(*std::move(port));
    }
    builder.RegisterCallbackGenericService(&*generic_);
    builder.SetMaxReceiveMessageSize(kMostBytes);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                               kMostCallsOfConnection);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMostMetadata);
    builder.SetResourceQuota(
        ::grpc::ResourceQuota("fdrpc-gateway").Resize(kMostMemory));
    KeepAlive(builder);
    server_ = builder.BuildAndStart();
    for (size_t i = 0; i < ports.size(); ++i) {
      if (server_ != nullptr && (ports[i] != 0 || IsInherited(listen[i]))) {
        continue;
      }
      return absl::UnavailableError(absl::StrCat(
          "gRPC cannot listen on ", listen[i],
          ": the address is wrong or in use, or the certificate or key is "
          "none"));
    }
    for (const auto& port : inherited_) {
      absl::Status started = port->Start();
      if (!started.ok()) return started;
    }
    for (size_t i = 0; i < ports.size(); ++i) {
      const std::string& address = listen[i];
      if (IsInherited(address)) continue;  // clients can connect before
      std::cout << absl::StrCat("listening on ",
                                address.substr(0, address.rfind(':') + 1),
                                ports[i], "\n")
                << std::flush;
    }
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    for (const auto& port : inherited_) port->Stop();
    return generic_->Shutdown(*server_, settings_.drain_timeout);
  }

 private:
  static void KeepAlive(::grpc::ServerBuilder& builder) {
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                               kKeepAliveMilliseconds);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                               kKeepAliveTimeoutMilliseconds);
    // By default, gRPC asks twice, and then not before there is data.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    builder.AddChannelArgument(
        GRPC_ARG_HTTP2_MIN_SENT_PING_INTERVAL_WITHOUT_DATA_MS,
        kKeepAliveMilliseconds);
  }

  const Settings settings_;
  std::shared_ptr<Caller> target_;
  std::optional<grpc::GenericService> generic_;
  std::vector<std::unique_ptr<InheritedPort>> inherited_;
  std::unique_ptr<::grpc::Server> server_;
};

}  // namespace

std::unique_ptr<Direction> FromGrpc(const Settings& settings) {
  return std::make_unique<GrpcToLocal>(settings);
}

}  // namespace fdrpc::gateway
