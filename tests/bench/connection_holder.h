#ifndef FDRPC_TESTS_BENCH_CONNECTION_HOLDER_H_
#define FDRPC_TESTS_BENCH_CONNECTION_HOLDER_H_

#include <sys/types.h>

#include "tests/bench/flags.h"

namespace fdrpc::bench {

// The private memory of a process, in bytes.
double PrivateBytes(pid_t pid);

// A child process that holds idle connections, so that the limit of open files
// need not allow all of them in one process. Made before this process has
// threads; ends with it.
class ConnectionHolder {
 public:
  ConnectionHolder(const Flags& flags, int connections);

  // Connects, and makes a call over each connection. Returns how much memory
  // that took, in bytes.
  double Connect();

 private:
  int go_ = -1;
  int done_ = -1;
};

}  // namespace fdrpc::bench

#endif  // FDRPC_TESTS_BENCH_CONNECTION_HOLDER_H_
