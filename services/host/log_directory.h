#ifndef FDRPC_SERVICES_HOST_LOG_DIRECTORY_H_
#define FDRPC_SERVICES_HOST_LOG_DIRECTORY_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"

namespace fdrpc::host {

// FAILED_PRECONDITION, with what to do, if a user other than root and `own`, as
// which the host writes, could decide to what it writes: by a link or another
// file in the place of a log, of the directory, or of one above it. Links on
// the way are followed, and what they lead to is looked at in the same way. A
// group that may write to a directory above is trusted, as the owner has chosen
// it: /var/log is one's in some distributions. `path` is absolute. A directory
// that is not there yet is good if what is there is.
absl::Status CheckLogDirectory(const std::string& path, uid_t own);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_LOG_DIRECTORY_H_
