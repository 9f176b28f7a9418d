#ifndef FDRPC_SERVICES_FILEBROKER_FILE_KIND_H_
#define FDRPC_SERVICES_FILEBROKER_FILE_KIND_H_

#include <sys/stat.h>

#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"

namespace fdrpc::filebroker {

// The kind of a file with this st_mode.
v1::FileKind KindOf(mode_t mode);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_FILE_KIND_H_
