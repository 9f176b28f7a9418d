#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/server.h"
#include "services/gateway/direction.h"
#include "services/gateway/known_services.h"
#include "services/gateway/limits.h"
#include "services/gateway/local_server.h"
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

class LocalToGrpc final : public Direction {
 public:
  explicit LocalToGrpc(const Settings& settings)
      : settings_(settings), target_(PassingOn(ChannelOf(settings), settings)) {
    // Handed over, they are in this order.
    std::stable_partition(settings_.listen.addresses.begin(),
                          settings_.listen.addresses.end(), HasFile);
  }

  absl::Status Learn() override {
    auto server = NewServer({});
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }

  absl::Status Start() override {
    absl::Status status =
        program::ListenOnAll(server_->server(), settings_.listen);
    if (status.ok()) status = server_->Start();
    if (!status.ok()) return status;
    program::SayThatItListens(settings_.listen);
    return absl::OkStatus();
  }

  // Another server takes the sockets over; this one drains.
  absl::Status Reload(std::stop_token stop) override {
    auto server = NewServer(std::move(stop));
    if (!server.ok()) return server.status();
    // Opens all that it needs besides the sockets.
    absl::Status status = (*server)->server().AwaitConnections();
    if (!status.ok()) return status;
    absl::StatusOr<std::vector<UniqueFd>> sockets = Sockets();
    if (!sockets.ok()) return sockets.status();
    status = TakeOver(*std::move(sockets), (*server)->server());
    if (status.ok()) status = (*server)->Start();
    if (!status.ok()) {
      // Destroyed, it would remove the files of sockets that are served.
      if (files_ == nullptr) files_ = *std::move(server);
      return status;
    }
    server_->Stop();
    std::erase_if(former_, [](const auto& former) { return former->ended(); });
    former_.push_back(std::exchange(server_, *std::move(server)));
    return absl::OkStatus();
  }

  absl::Status Stop() override {
    server_->Stop();
    files_.reset();
    server_.reset();
    former_.clear();
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::unique_ptr<LocalServer>> NewServer(
      std::stop_token stop) const {
    absl::StatusOr<KnownServices> known =
        KnownServices::Of(target_, settings_, std::move(stop));
    if (!known.ok()) return known.status();
    return std::make_unique<LocalServer>(*std::move(known), target_, settings_);
  }

  // For another server. From then on this one's files are nobody's, unless
  // files_ has them.
  absl::StatusOr<std::vector<UniqueFd>> Sockets() {
    absl::StatusOr<std::vector<UniqueFd>> sockets =
        server_->server().HandOver();
    if (sockets.ok() && sockets->empty()) {
      return absl::FailedPreconditionError(
          "the gateway has a connection, and no socket to listen on, which "
          "cannot be given to a server of other services: start it again");
    }
    return sockets;
  }

  absl::Status TakeOver(std::vector<UniqueFd> sockets, Server& server) {
    const size_t files =
        files_ != nullptr
            ? 0
            : std::count_if(settings_.listen.addresses.begin(),
                            settings_.listen.addresses.end(), HasFile);
    for (size_t i = 0; i < sockets.size(); ++i) {
      absl::Status listens =
          server.Listen(std::move(sockets[i]),
                        i < files ? Server::SocketFile::kIsRemovedAtTheEnd
                                  : Server::SocketFile::kIsLeft);
      if (!listens.ok()) return listens;
    }
    return absl::OkStatus();
  }

  Settings settings_;
  const std::shared_ptr<Caller> target_;
  std::vector<std::unique_ptr<LocalServer>> former_;  // which drain
  std::unique_ptr<LocalServer> server_;
  // Owns the socket files and serves nothing: what is left of the first
  // reload that failed when it had them. Null: server_ owns them.
  std::unique_ptr<LocalServer> files_;
};

}  // namespace

std::unique_ptr<Direction> ToGrpc(const Settings& settings) {
  return std::make_unique<LocalToGrpc>(settings);
}

}  // namespace fdrpc::gateway
