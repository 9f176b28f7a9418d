#ifndef FDRPC_TESTS_SUPPORT_FORCED_RINGS_H_
#define FDRPC_TESTS_SUPPORT_FORCED_RINGS_H_

#include <cstdlib>
#include <string_view>

namespace fdrpc::testing {

// FDRPC_TEST_RINGS in the environment, for the test programs that look at it:
// with "at-once", all connections of this process use rings where a test does
// not say otherwise, whether they are busy or not.
inline std::string_view RingsOfEnvironment() {
  const char* const value = std::getenv("FDRPC_TEST_RINGS");
  return value == nullptr ? "" : value;
}

inline bool RingsAreForced() { return !RingsOfEnvironment().empty(); }

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_FORCED_RINGS_H_
