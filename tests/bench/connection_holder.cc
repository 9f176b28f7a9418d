#include "tests/bench/connection_holder.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

[[noreturn]] void Hold(const Flags& flags, int count, int go, int done) {
  char byte;
  if (read(go, &byte, 1) != 1) _exit(0);
  std::vector<std::unique_ptr<Connection>> connections;
  connections.reserve(count);
  double before = 0;
  for (int i = 0; i < count; ++i) {
    connections.push_back(Connect(flags));
    connections.back()->Echo();
    if (i == 0) before = PrivateBytes(getpid());  // including shared parts
  }
  const double bytes = PrivateBytes(getpid()) - before;
  Check(write(done, &bytes, sizeof(bytes)) == sizeof(bytes), "write(2)");
  for (;;) pause();
}

}  // namespace

double PrivateBytes(pid_t pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  double bytes = 0;
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Private_")) {
      bytes += std::atof(line.c_str() + line.find(':') + 1) * 1024;
    }
  }
  return bytes;
}

ConnectionHolder::ConnectionHolder(const Flags& flags, int connections) {
  int go[2], done[2];
  Check(pipe2(go, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0, "pipe2(2)");
  const pid_t child = fork();
  Check(child >= 0, "fork(2)");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(go[1]);
    Hold(flags, connections, go[0], done[1]);
  }
  close(go[0]);
  close(done[1]);
  go_ = go[1];
  done_ = done[0];
}

double ConnectionHolder::Connect() {
  double bytes = 0;
  Check(write(go_, "", 1) == 1 &&
            read(done_, &bytes, sizeof(bytes)) == sizeof(bytes),
        "a process that holds connections has gone");
  return bytes;
}

}  // namespace fdrpc::bench
