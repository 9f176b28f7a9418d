#ifndef FDRPC_TESTS_SUPPORT_TIME_LIMIT_H_
#define FDRPC_TESTS_SUPPORT_TIME_LIMIT_H_

namespace fdrpc::testing {

// How long a case, or a child of one, may take before its process ends with a
// signal. Far above what the longest case takes with a sanitizer on a busy
// machine.
inline constexpr int kTimeLimitSeconds = 240;

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_TIME_LIMIT_H_
