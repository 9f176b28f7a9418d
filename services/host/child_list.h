#ifndef FDRPC_SERVICES_HOST_CHILD_LIST_H_
#define FDRPC_SERVICES_HOST_CHILD_LIST_H_

#include <sys/types.h>

#include <vector>

namespace fdrpc::host {

// The processes whose parent is this one, as /proc tells.
std::vector<pid_t> ChildrenOfThisProcess();

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CHILD_LIST_H_
