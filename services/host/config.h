#ifndef FDRPC_SERVICES_HOST_CONFIG_H_
#define FDRPC_SERVICES_HOST_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/host/hosted_service.h"

namespace fdrpc::host {

// What a configuration directory says.
struct Configuration {
  std::vector<HostedService> services;  // in the order of their names
  // "FILE:LINE: what is wrong, and what to do", or without a line. Services
  // with an error are not among `services`.
  std::vector<std::string> errors;
};

// Reads every NAME.textproto of the directory, and checks all that does not
// take the host's privileges. Other files and hidden ones are not read. Asks
// the file system and the user database, which may block.
Configuration ReadConfiguration(const std::string& directory);

// The services. INVALID_ARGUMENT with all errors, one a line, if there is one.
absl::StatusOr<std::vector<HostedService>> LoadConfiguration(
    const std::string& directory);

// The service that a file has described before. What does not hold any more, as
// that its user exists, becomes `HostedService::error`.
HostedService ResolveAgain(const std::string& name, const std::string& file,
                           const v1::ServiceConfig& config);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CONFIG_H_
