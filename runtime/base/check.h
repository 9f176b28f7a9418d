#ifndef FDRPC_BASE_CHECK_H_
#define FDRPC_BASE_CHECK_H_

#include <string_view>

namespace fdrpc {

// Prints where and why on standard error and aborts.
[[noreturn]] void CheckFailed(const char* file, int line,
                              std::string_view what);

}  // namespace fdrpc

// For errors of the programmer who uses this library: a message that says what
// was misused. Never reached by anything that a peer sends, whatever it sends.
#define FDRPC_CHECK(condition, what)                  \
  do {                                                \
    if (!(condition)) {                               \
      ::fdrpc::CheckFailed(__FILE__, __LINE__, what); \
    }                                                 \
  } while (false)

#endif  // FDRPC_BASE_CHECK_H_
