#ifndef FDRPC_SERVICES_LAUNCHER_RESOURCE_H_
#define FDRPC_SERVICES_LAUNCHER_RESOURCE_H_

#include <optional>

#include "fdrpc/launcher/v1/launcher.pb.h"

namespace fdrpc::launcher {

// RLIMIT_NOFILE for RESOURCE_OPEN_FILES and so on; empty for what is none of
// them.
std::optional<int> NumberOf(v1::Resource resource);
// The reverse.
v1::Resource ResourceWithNumber(int number);

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_RESOURCE_H_
