#ifndef FDRPC_TESTS_SUPPORT_SANITIZED_H_
#define FDRPC_TESTS_SUPPORT_SANITIZED_H_

#include "base/sanitizers.h"

namespace fdrpc::testing {

// Whether the test runs under a sanitizer that makes it slow and large.
inline constexpr bool kSanitized = kAddressSanitizer || kThreadSanitizer;

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_SANITIZED_H_
