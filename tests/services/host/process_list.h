#ifndef FDRPC_TESTS_SERVICES_HOST_PROCESS_LIST_H_
#define FDRPC_TESTS_SERVICES_HOST_PROCESS_LIST_H_

#include <sys/types.h>

#include <vector>

namespace fdrpc::testing {

// The processes whose parent is `pid`, the oldest first.
std::vector<pid_t> ChildrenOf(pid_t pid);

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_HOST_PROCESS_LIST_H_
