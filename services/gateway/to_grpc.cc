#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/forwarding_service.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "services/gateway/direction.h"
#include "services/gateway/known_services.h"
#include "services/gateway/limits.h"
#include "services/gateway/waiting_calls.h"
#include "services/program/serve.h"

namespace fdrpc::gateway {
namespace {

std::shared_ptr<::grpc::ChannelCredentials> ChannelCredentials(
    const std::optional<Settings::Tls>& tls) {
  if (!tls.has_value()) return ::grpc::InsecureChannelCredentials();
  return ::grpc::SslCredentials({.pem_root_certs = tls->authorities,
                                 .pem_private_key = tls->key,
                                 .pem_cert_chain = tls->certificate});
}

grpc::Channel ChannelOf(const Settings& settings) {
  ::grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMostBytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMostMetadata);
  return grpc::Channel(::grpc::CreateCustomChannel(
      settings.to, ChannelCredentials(settings.tls), arguments));
}

bool HasFile(const std::string& address) { return address.starts_with("unix"); }

// Serves the services that are known at one time. Ends the process with SIGTERM
// if it ends by itself.
class LocalServer {
 public:
  LocalServer(KnownServices known, const std::shared_ptr<Caller>& target,
              const Settings& settings)
      : known_(std::move(known)),
        server_({.drain_timeout = settings.drain_timeout}) {
    for (const auto* service : known_.services()) {
      // The server has reflection of its own, from the same files.
      if (service->full_name().starts_with("grpc.reflection.")) continue;
      server_.AddService(
          std::make_unique<grpc::ForwardingService>(*service, target));
    }
    EnableReflection(server_);
  }
  ~LocalServer() {
    Stop();
    if (end_.joinable()) end_.join();
  }

  Server& server() { return server_; }

  absl::Status Start() {
    absl::Status started = server_.Start();
    if (!started.ok()) return started;
    end_ = std::thread([this] {
      server_.Wait();
      ended_ = true;
      if (!is_stopped_) kill(getpid(), SIGTERM);
    });
    return absl::OkStatus();
  }
  // Drains it, which takes a while.
  void Stop() {
    is_stopped_ = true;
    server_.Shutdown();
  }
  bool ended() const { return ended_; }

 private:
  const KnownServices known_;
  Server server_;
  std::thread end_;
  std::atomic<bool> is_stopped_ = false;
  std::atomic<bool> ended_ = false;
};

class LocalToGrpc final : public Direction {
 public:
  explicit LocalToGrpc(const Settings& settings)
      : settings_(settings), target_(PassingOn(ChannelOf(settings), settings)) {
    // Handed over, they are in this order.
    std::stable_partition(settings_.listen.addresses.begin(),
                          settings_.listen.addresses.end(), HasFile);
  }

  absl::Status Start() override {
    auto server = NewServer();
    if (!server.ok()) return server.status();
    absl::Status status =
        program::ListenOnAll((*server)->server(), settings_.listen);
    if (status.ok()) status = (*server)->Start();
    if (!status.ok()) return status;
    program::SayThatItListens(settings_.listen);
    server_ = *std::move(server);
    return absl::OkStatus();
  }

  // Another server takes the sockets over; this one drains.
  absl::Status Reload() override {
    auto server = NewServer();
    if (!server.ok()) return server.status();
    absl::Status status = TakeOver((*server)->server());
    if (status.ok()) status = (*server)->Start();
    if (!status.ok()) return status;
    server_->Stop();
    std::erase_if(former_, [](const auto& former) { return former->ended(); });
    former_.push_back(std::exchange(server_, *std::move(server)));
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    server_->Stop();
    server_.reset();
    former_.clear();
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::unique_ptr<LocalServer>> NewServer() const {
    absl::StatusOr<KnownServices> known = KnownServices::Of(target_, settings_);
    if (!known.ok()) return known.status();
    return std::make_unique<LocalServer>(*std::move(known), target_, settings_);
  }

  absl::Status TakeOver(Server& server) {
    absl::StatusOr<std::vector<UniqueFd>> sockets =
        server_->server().HandOver();
    if (!sockets.ok()) return sockets.status();
    if (sockets->empty()) {
      return absl::FailedPreconditionError(
          "the gateway has a connection, and no socket to listen on, which "
          "cannot be given to a server of other services: start it again");
    }
    const auto files = std::count_if(settings_.listen.addresses.begin(),
                                     settings_.listen.addresses.end(), HasFile);
    for (size_t i = 0; i < sockets->size(); ++i) {
      absl::Status listens = server.Listen(
          std::move((*sockets)[i]), i < static_cast<size_t>(files)
                                        ? Server::SocketFile::kIsRemovedAtTheEnd
                                        : Server::SocketFile::kIsLeft);
      if (!listens.ok()) return listens;
    }
    return absl::OkStatus();
  }

  Settings settings_;
  const std::shared_ptr<Caller> target_;
  std::vector<std::unique_ptr<LocalServer>> former_;  // which drain
  std::unique_ptr<LocalServer> server_;
};

}  // namespace

std::unique_ptr<Direction> ToGrpc(const Settings& settings) {
  return std::make_unique<LocalToGrpc>(settings);
}

}  // namespace fdrpc::gateway
