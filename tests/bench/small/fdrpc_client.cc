#include <cstdio>

#include "fdrpc/channel.h"
#include "tests/bench/echo.fdrpc.h"

int main(int, char** argv) {
  absl::StatusOr<fdrpc::Channel> channel = fdrpc::Channel::Connect(argv[1]);
  if (!channel.ok()) return 1;
  echo::Payload request;
  request.set_payload("x");
  if (!echo::Echo::Stub(*channel).Unary(request).ok()) return 1;
  std::puts("reply");
}
