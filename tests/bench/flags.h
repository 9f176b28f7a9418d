#ifndef FDRPC_TESTS_BENCH_FLAGS_H_
#define FDRPC_TESTS_BENCH_FLAGS_H_

#include <string>

namespace fdrpc::bench {

// What the runner tells a program, as --name=value; it gives a server and its
// client the same, except for `role` and `server_pid`.
struct Flags {
  std::string role;     // "server", "client" or "compute"
  std::string form;     // which of a program's systems: "callback", "poll", …
  std::string address;  // with the scheme that the system knows
  std::string workload;  // what the client does: a name in workloads.cc
  int payload = 64;      // bytes
  int in_flight = 1;
  int threads = 1;
  int connections = 1;
  bool batched = false;  // streams may hold messages back
  int cpu = -1;          // the one CPU to run on; -1: any
  double warm_up = 0.1;  // seconds
  double seconds = 1;
  int server_pid = 0;  // whose CPU time is counted, too
};

// Ends the program with a message if a flag is unknown.
Flags ParseFlags(int argc, char** argv);

}  // namespace fdrpc::bench

#endif  // FDRPC_TESTS_BENCH_FLAGS_H_
