// replaceable_server ADDRESS: serves the test service until SIGTERM. With fd:0,
// the socket that is its standard input, another process can replace it.
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "tests/support/test_service.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  fdrpc::testing::FakeService service;
  fdrpc::Server server;
  server.AddService(service);
  fdrpc::EnableReflection(server);
  const absl::Status listens = server.Listen(argv[1]);
  if (!listens.ok()) {
    std::fprintf(stderr, "%s\n", listens.ToString().c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  server.Run();
  return 0;
}
