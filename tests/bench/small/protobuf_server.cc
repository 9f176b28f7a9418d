// Not a server: the cost of a process that only has Protocol Buffers.

#include <unistd.h>

#include <cstdio>

#include "tests/bench/echo.pb.h"

int main(int argc, char** argv) {
  echo::Payload payload;
  payload.set_payload(argv[argc - 1]);
  if (!payload.ParseFromString(payload.SerializeAsString())) return 1;
  std::puts("ready");
  std::fflush(stdout);
  pause();
}
