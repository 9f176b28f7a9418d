#ifndef FDRPC_TESTS_BENCH_FLAGS_H_
#define FDRPC_TESTS_BENCH_FLAGS_H_

#include <cstdint>
#include <string>

namespace fdrpc::bench {

// The runner's arguments of a program, as --name=value. A server and its client
// get the same, except for `role` and `server_pid`.
struct Flags {
  std::string role;      // "server", "client" or "compute"
  std::string form;      // which system of a program: "callback", "poll", …
  std::string address;   // with a scheme that the system knows
  std::string workload;  // the client's work: a name in workloads.cc
  int payload = 64;      // bytes
  int in_flight = 1;
  int threads = 1;
  int connections = 1;
  uint64_t descriptors = 10'000'000;  // that a soak passes
  bool batched = false;               // streams may hold messages back
  int cpu = -1;                       // the one CPU to run on; -1: any
  double warm_up = 0.1;               // seconds
  double seconds = 1;
  int server_pid = 0;  // its CPU time is counted, too
};

// Ends the program with a message if a flag is unknown.
Flags ParseFlags(int argc, char** argv);

}  // namespace fdrpc::bench

#endif  // FDRPC_TESTS_BENCH_FLAGS_H_
