#ifndef FDRPC_CALL_KINDS_DIFFER_H_
#define FDRPC_CALL_KINDS_DIFFER_H_

#include <string_view>

#include "absl/status/status.h"

namespace fdrpc {

// INTERNAL, for a call of a method that has one message in a direction on one
// side, and a stream of them on the other. `one` and `stream` name it:
// "request", "requests".
absl::Status KindsDiffer(std::string_view full_name, std::string_view one,
                         std::string_view stream, bool streams_on_server);

}  // namespace fdrpc

#endif  // FDRPC_CALL_KINDS_DIFFER_H_
