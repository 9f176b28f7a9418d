// A server that another process of the same program can replace: it serves the
// test service on the socket that is its standard input, until SIGTERM.
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "tests/support/test_service.h"

int main() {
  fdrpc::testing::FakeService service;
  fdrpc::Server server;
  server.AddService(service);
  fdrpc::EnableReflection(server);
  const absl::Status listens = server.Listen("fd:0");
  if (!listens.ok()) {
    std::fprintf(stderr, "%s\n", listens.ToString().c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  server.Run();
  return 0;
}
