#ifndef FDRPC_INTERNAL_HANDLER_EXCEPTIONS_H_
#define FDRPC_INTERNAL_HANDLER_EXCEPTIONS_H_

// What becomes of exceptions that leave handlers. The runtime throws none and
// lets none pass, so they are caught in the templates that call handlers, which
// are compiled with them.

#include <utility>

#include "absl/status/status.h"

namespace fdrpc::internal {

// How a call ends whose handler throws. The client does not learn what:
// exceptions are the server's own affair.
inline absl::Status HandlerThrew() {
  return absl::UnknownError("the handler threw an exception");
}

// What `handler` returns, or if it throws what `instead(HandlerThrew())` does.
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

// The same for those that return a status.
template <typename Handler>
absl::Status CallHandler(Handler handler) {
  return CallHandler(handler, [](absl::Status status) { return status; });
}

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_HANDLER_EXCEPTIONS_H_
