#ifndef FDRPC_TESTS_GRPC_SERVED_OVER_GRPC_H_
#define FDRPC_TESTS_GRPC_SERVED_OVER_GRPC_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "fdrpc/grpc/generic_service.h"
#include "fdrpc/server.h"

namespace fdrpc::testing {

// Serves the services of a server over gRPC, on a port of its own.
class ServedOverGrpc {
 public:
  explicit ServedOverGrpc(Server& server,
                          const grpc::GenericService::Options& options = {})
      : generic_(*grpc::GenericService::Create(server, options)) {
    ::grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", ::grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterCallbackGenericService(generic_.get());
    over_grpc_ = builder.BuildAndStart();
    channel_ = NewChannel();
  }
  // Waits for the calls. With a deadline that has passed, gRPC 1.51 may use the
  // queue of its shutdown when it is gone, if calls or connections end
  // meanwhile.
  ~ServedOverGrpc() {
    channel_.reset();
    over_grpc_->Shutdown();
  }
  ServedOverGrpc(const ServedOverGrpc&) = delete;
  ServedOverGrpc& operator=(const ServedOverGrpc&) = delete;

  const std::shared_ptr<::grpc::Channel>& channel() const { return channel_; }
  std::shared_ptr<::grpc::Channel> NewChannel() const {
    return ::grpc::CreateChannel("127.0.0.1:" + std::to_string(port_),
                                 ::grpc::InsecureChannelCredentials());
  }
  grpc::GenericService& service() { return *generic_; }

  // Ends it before the destructor does.
  absl::Status Shutdown(Timeout drain_timeout) {
    return generic_->Shutdown(*over_grpc_, drain_timeout);
  }

 private:
  const std::unique_ptr<grpc::GenericService> generic_;
  int port_ = 0;
  std::unique_ptr<::grpc::Server> over_grpc_;
  std::shared_ptr<::grpc::Channel> channel_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_GRPC_SERVED_OVER_GRPC_H_
