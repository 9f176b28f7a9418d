#include <grpcpp/grpcpp.h>

#include <cstdio>

#include "tests/bench/echo.grpc.pb.h"

namespace {

class Echo final : public echo::Echo::Service {
  grpc::Status Unary(grpc::ServerContext*, const echo::Payload* request,
                     echo::Payload* reply) override {
    reply->set_payload(request->payload());
    return grpc::Status::OK;
  }
};

}  // namespace

int main(int, char** argv) {
  Echo echo;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&echo);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::puts("ready");
  std::fflush(stdout);
  server->Wait();
}
