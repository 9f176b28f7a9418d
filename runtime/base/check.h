#ifndef FDRPC_BASE_CHECK_H_
#define FDRPC_BASE_CHECK_H_

#include <string_view>

#include "fdrpc/internal/export.h"

namespace fdrpc {

// Prints the place and `what` to standard error, and aborts.
[[noreturn]] FDRPC_API void CheckFailed(const char* file, int line,
                                        std::string_view what);

}  // namespace fdrpc

// For mistakes of the programmer who uses this library: aborts with a message
// that says what was misused. Nothing that a peer sends may cause it.
#define FDRPC_CHECK(condition, what)                  \
  do {                                                \
    if (!(condition)) {                               \
      ::fdrpc::CheckFailed(__FILE__, __LINE__, what); \
    }                                                 \
  } while (false)

#endif  // FDRPC_BASE_CHECK_H_
