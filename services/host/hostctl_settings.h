#ifndef FDRPC_SERVICES_HOST_HOSTCTL_SETTINGS_H_
#define FDRPC_SERVICES_HOST_HOSTCTL_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "fdrpc/call_options.h"

namespace fdrpc::host {

// The command line of fdrpc-hostctl.
struct HostctlSettings {
  std::string host;
  std::string command;
  std::string name;  // of a service, for commands that take one
  bool follow = false;
  uint32_t lines = 0;
  CallOptions call;
};

// Empty for --help. INVALID_ARGUMENT names the wrong word.
absl::StatusOr<std::optional<HostctlSettings>> ParseHostctlSettings(
    int argc, char** argv);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOSTCTL_SETTINGS_H_
