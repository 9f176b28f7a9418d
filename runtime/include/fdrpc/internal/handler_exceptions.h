#ifndef FDRPC_INTERNAL_HANDLER_EXCEPTIONS_H_
#define FDRPC_INTERNAL_HANDLER_EXCEPTIONS_H_

// Exceptions that leave handlers. The runtime throws none, and none passes
// through it: they are caught in the templates that call handlers, which are
// compiled with the handlers.

#include <utility>

#include "absl/status/status.h"

namespace fdrpc::internal {

// The status of a call whose handler throws. The client does not learn what was
// thrown, which is the server's own business.
inline absl::Status HandlerThrew() {
  return absl::UnknownError("the handler threw an exception");
}

// Returns the result of `handler` or, if that throws, of
// `instead(HandlerThrew())`.
template <typename Handler, typename Instead>
auto CallHandler(Handler handler, Instead instead) {
#ifdef __cpp_exceptions
  try {
    return handler();
  } catch (...) {
    return instead(HandlerThrew());
  }
#else
  return handler();
#endif
}

// The same for handlers that return a status.
template <typename Handler>
absl::Status CallHandler(Handler handler) {
  return CallHandler(handler, [](absl::Status status) { return status; });
}

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_HANDLER_EXCEPTIONS_H_
