// The smallest server, for its footprint and its start: small/*.cc.

#include <cstdio>

#include "fdrpc/server.h"
#include "tests/bench/echo.fdrpc.h"

namespace {

class Echo final : public echo::Echo::Service {
  absl::Status Unary(fdrpc::ServerContext&, const echo::Payload& request,
                     echo::Payload& reply) override {
    reply.set_payload(request.payload());
    return absl::OkStatus();
  }
};

}  // namespace

int main(int, char** argv) {
  Echo echo;
  fdrpc::Server server;
  server.AddService(echo);
  if (!server.Listen(argv[1]).ok() || !server.Start().ok()) return 1;
  std::puts("ready");
  std::fflush(stdout);
  server.Wait();
}
