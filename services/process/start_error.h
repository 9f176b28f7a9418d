#ifndef FDRPC_SERVICES_PROCESS_START_ERROR_H_
#define FDRPC_SERVICES_PROCESS_START_ERROR_H_

#include "absl/status/status.h"
#include "services/process/process_spec.h"

namespace fdrpc::process {

// What a new process does before its program runs.
enum class StartStep {
  kFork,
  kIsolateDescriptors,
  kMapDescriptor,
  kNullDevice,
  kSession,
  kTerminal,
  kLimit,
  kUser,
  kWorkingDirectory,
  kDeathSignal,
  kNoNewPrivileges,
  kExec,
};

// How far it came; the new process writes it to its parent.
struct StartFailure {
  StartStep step = StartStep::kFork;
  int error = 0;
  int index = 0;  // of the descriptor or limit
};

// The status of a process that did not start, for its client: it names what was
// asked for and could not be done.
absl::Status StartError(const StartFailure& failure, const ProcessSpec& spec);

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_START_ERROR_H_
