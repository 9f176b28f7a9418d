#ifndef FDRPC_SERVICES_FILEBROKER_OPEN_ERROR_H_
#define FDRPC_SERVICES_FILEBROKER_OPEN_ERROR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace fdrpc::filebroker {

// The status for a client if opening `path` failed with `error`, an errno of
// openat2(2).
absl::Status OpenError(int error, std::string_view path);

// A path as it appears in messages: quoted, with everything except printable
// ASCII escaped, since a terminal might interpret it.
std::string Quoted(std::string_view path);

}  // namespace fdrpc::filebroker

#endif  // FDRPC_SERVICES_FILEBROKER_OPEN_ERROR_H_
