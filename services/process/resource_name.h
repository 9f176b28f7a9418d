#ifndef FDRPC_SERVICES_PROCESS_RESOURCE_NAME_H_
#define FDRPC_SERVICES_PROCESS_RESOURCE_NAME_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace fdrpc::process {

// RLIMIT_NOFILE for "nofile" and so on, by the names of prlimit(1).
// INVALID_ARGUMENT lists them.
absl::StatusOr<int> ResourceNamed(std::string_view name);

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_RESOURCE_NAME_H_
