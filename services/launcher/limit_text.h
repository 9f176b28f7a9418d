#ifndef FDRPC_SERVICES_LAUNCHER_LIMIT_TEXT_H_
#define FDRPC_SERVICES_LAUNCHER_LIMIT_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "fdrpc/launcher/v1/launcher.pb.h"

namespace fdrpc::launcher {

// A limit as prlimit(1) has it, such as "nofile=1024:4096", "core=0" or
// "cpu=60:unlimited". One number is both limits.
absl::StatusOr<v1::Limit> ParseLimit(const std::string& text);

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_LIMIT_TEXT_H_
