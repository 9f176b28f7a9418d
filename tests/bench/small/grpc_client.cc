#include <grpcpp/grpcpp.h>

#include <cstdio>

#include "tests/bench/echo.grpc.pb.h"

int main(int, char** argv) {
  auto stub = echo::Echo::NewStub(
      grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  echo::Payload request, reply;
  request.set_payload("x");
  if (!stub->Unary(&context, request, &reply).ok()) return 1;
  std::puts("reply");
}
