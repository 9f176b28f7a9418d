#ifndef FDRPC_TESTS_BENCH_CONNECTION_HOLDER_H_
#define FDRPC_TESTS_BENCH_CONNECTION_HOLDER_H_

#include <sys/types.h>

#include "tests/bench/flags.h"

namespace fdrpc::bench {

// Memory of a process that it shares with nobody, in bytes.
double PrivateBytes(pid_t pid);

// A child process that holds idle connections, so that the limit on open files
// need not allow all of them to one process. Made while this one has no threads
// yet; ends with it.
class ConnectionHolder {
 public:
  ConnectionHolder(const Flags& flags, int connections);

  // Has it connect and make a call over each connection. Returns what memory
  // that took it, in bytes.
  double Connect();

 private:
  int go_ = -1;
  int done_ = -1;
};

}  // namespace fdrpc::bench

#endif  // FDRPC_TESTS_BENCH_CONNECTION_HOLDER_H_
