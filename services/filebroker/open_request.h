#ifndef FDRPC_SERVICES_FILEBROKER_OPEN_REQUEST_H_
#define FDRPC_SERVICES_FILEBROKER_OPEN_REQUEST_H_

#include "absl/status/statusor.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/root_directory.h"

namespace fdrpc::filebroker {

// INVALID_ARGUMENT names a value that the interface does not know.
absl::StatusOr<OpenOptions> OptionsFor(const v1::OpenRequest& request);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_OPEN_REQUEST_H_
