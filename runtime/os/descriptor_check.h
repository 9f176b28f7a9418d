#ifndef FDRPC_OS_DESCRIPTOR_CHECK_H_
#define FDRPC_OS_DESCRIPTOR_CHECK_H_

#include "absl/status/status.h"
#include "fdrpc/internal/descriptor_rules.h"

namespace fdrpc {

// INVALID_ARGUMENT if `fd` breaks the rules, with what it is and what they
// demand. FAILED_PRECONDITION or RESOURCE_EXHAUSTED if this process cannot find
// out, which also says why. Waits for a peer no more than descriptor_kind.h.
absl::Status CheckDescriptor(const internal::DescriptorRules& rules, int fd);

}  // namespace fdrpc

#endif  // FDRPC_OS_DESCRIPTOR_CHECK_H_
