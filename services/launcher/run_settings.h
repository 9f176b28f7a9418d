#ifndef FDRPC_SERVICES_LAUNCHER_RUN_SETTINGS_H_
#define FDRPC_SERVICES_LAUNCHER_RUN_SETTINGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/call_options.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"

namespace fdrpc::launcher {

// The command line of fdrpc-run.
struct RunSettings {
  std::string server;
  CallOptions call;
  v1::LaunchRequest request;  // without descriptors
  std::string directory = ".";
  // Those of this process that the command has under the same number, besides
  // the standard ones.
  std::vector<int> descriptors;
  bool keep = false;  // the command goes on without fdrpc-run
  bool may_use_terminal = true;
  bool report_resources = false;
};

// Empty for --help. INVALID_ARGUMENT names the wrong word.
absl::StatusOr<std::optional<RunSettings>> ParseRunSettings(int argc,
                                                            char** argv);

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_RUN_SETTINGS_H_
