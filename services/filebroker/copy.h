#ifndef FDRPC_SERVICES_FILEBROKER_COPY_H_
#define FDRPC_SERVICES_FILEBROKER_COPY_H_

#include "absl/status/status.h"

namespace fdrpc::filebroker {

// Copies what can be read from `from` to `to`, until its end. Blocks as long as
// that takes, whether or not the descriptors are in blocking mode. A short
// write is gone on with; an error says which of the two failed.
absl::Status Copy(int from, int to);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_COPY_H_
