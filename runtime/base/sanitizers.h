#ifndef FDRPC_BASE_SANITIZERS_H_
#define FDRPC_BASE_SANITIZERS_H_

#include "absl/base/config.h"

namespace fdrpc {

// Which sanitizers this is compiled with. Compilers use different macros;
// abseil knows them all. In preprocessor conditions, use abseil's.
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif
#ifdef ABSL_HAVE_THREAD_SANITIZER
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

}  // namespace fdrpc

#endif  // FDRPC_BASE_SANITIZERS_H_
