#ifndef FDRPC_SERVICES_TOOL_EXIT_STATUS_H_
#define FDRPC_SERVICES_TOOL_EXIT_STATUS_H_

#include "absl/status/status.h"
#include "services/program/one_line.h"

namespace fdrpc::tool {

// How the program ends; `fdrpc help` has the list for users.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // something of this program: a file, …
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotServing = 3;
inline constexpr int kExitDifferent = 4;  // of replay
// A call that failed with status S: kExitStatus + S.
inline constexpr int kExitStatus = 10;

using program::OneLine;

// Prints "fdrpc: WHAT" to standard error, as one line, and returns
// kExitFailed or kExitUsage.
int Fail(const absl::Status& what);
int FailUsage(const absl::Status& what);
// Prints the status of a call in the same way, and returns its exit status.
int FailCall(const absl::Status& status);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_EXIT_STATUS_H_
