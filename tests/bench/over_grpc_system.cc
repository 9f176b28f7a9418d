// fdrpc's stubs and services over gRPC: what fdrpc::grpc adds to gRPC alone.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/synchronization/mutex.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/server.h"
#include "tests/bench/echo.fdrpc.h"
#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

// As in grpc_system.cc.
void LockWithoutDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void CheckOk(const absl::Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

class EchoService final : public echo::Echo::Service {
 public:
  absl::Status Unary(ServerContext&, const echo::Payload& request,
                     echo::Payload& reply) override {
    reply.set_payload(request.payload());
    return absl::OkStatus();
  }
  absl::Status Down(ServerContext&, const echo::DownRequest& request,
                    ServerWriter<echo::Payload>& replies) override {
    echo::Payload payload;
    payload.set_payload(std::string(request.payload_bytes(), 'x'));
    while (replies.Write(payload, {.may_linger = request.batched()})) {
    }
    return absl::CancelledError();
  }
  absl::Status Up(ServerContext&, ServerReader<echo::Payload>& requests,
                  echo::UpReply& reply) override {
    uint64_t messages = 0;
    echo::Payload payload;
    while (requests.Read(payload)) ++messages;
    reply.set_messages(messages);
    return absl::OkStatus();
  }
};

class OverGrpcConnection final : public Connection {
 public:
  explicit OverGrpcConnection(const Flags& flags) : flags_(flags) {
    LockWithoutDetection();
    request_.set_payload(std::string(flags.payload, 'x'));
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    stub_.emplace(grpc::Channel(::grpc::CreateCustomChannel(
        flags.address, ::grpc::InsecureChannelCredentials(), arguments)));
  }

  void Echo() override {
    const absl::StatusOr<echo::Payload> reply = stub_->Unary(request_);
    CheckOk(reply.status());
    Check(reply->payload().size() == request_.payload().size(),
          "another payload came back");
  }
  void Down(Meter& meter) override {
    echo::DownRequest request;
    request.set_payload_bytes(flags_.payload);
    request.set_batched(flags_.batched);
    auto replies = stub_->Down(request);
    echo::Payload payload;
    while (meter.Next()) {
      if (!replies.Read(payload)) CheckOk(replies.Finish());
    }
  }
  void Up(Meter& meter) override {
    auto requests = stub_->Up();
    uint64_t messages = 0;
    for (; meter.Next(); ++messages) {
      Check(requests.Write(request_, {.may_linger = flags_.batched}),
            "the server has gone");
    }
    const absl::StatusOr<echo::UpReply> reply = requests.Finish();
    CheckOk(reply.status());
    Check(reply->messages() == messages, "not all has arrived");
  }

 private:
  const Flags flags_;
  echo::Payload request_;
  std::optional<echo::Echo::Stub> stub_;
};

}  // namespace

void Serve(const Flags& flags) {
  LockWithoutDetection();
  EchoService echo;
  const uint32_t most = flags.payload + 1024;
  ServerOptions options;
  options.max_threads = std::max(options.max_threads, flags.threads + 2);
  options.max_request_bytes = std::max(options.max_request_bytes, most);
  Server server(options);
  server.AddService(echo);
  auto generic = grpc::GenericService::Create(server);
  CheckOk(generic.status());
  CheckOk(server.Start());
  ::grpc::ServerBuilder builder;
  builder.AddListeningPort(flags.address, ::grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(generic->get());
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  const std::unique_ptr<::grpc::Server> over_grpc = builder.BuildAndStart();
  Check(over_grpc != nullptr, "cannot listen");
  Ready();
  over_grpc->Wait();
}

std::unique_ptr<Connection> Connect(const Flags& flags) {
  return std::make_unique<OverGrpcConnection>(flags);
}

bool ThreadsShareConnection() { return true; }

}  // namespace fdrpc::bench
