// Linked into test programs whose connections use rings in shared memory if the
// environment says so.

#include <cstdlib>
#include <string_view>

#include "tests/support/descriptor_census.h"
#include "tests/support/forced_rings.h"
#include "transport/ring_policy.h"

namespace fdrpc::testing {
namespace {

[[maybe_unused]] const bool replaced = [] {
  LeaveRingsOutOfCensus();
  const std::string_view rings = RingsOfEnvironment();
  if (rings == "at-once") {
    RingPolicy::SetAutomatic(Rings::kAtOnce);
  } else if (!rings.empty()) {
    std::abort();
  }
  return true;
}();

}  // namespace
}  // namespace fdrpc::testing
