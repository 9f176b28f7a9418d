#ifndef FDRPC_SERVICES_PROCESS_PROCESS_END_H_
#define FDRPC_SERVICES_PROCESS_PROCESS_END_H_

#include <sys/resource.h>

namespace fdrpc::process {

// How a process ended, and what it used.
struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;  // not 0: it ended the process, which has no exit code
  bool core_dumped = false;
  rusage resources = {};
};

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_PROCESS_END_H_
