#ifndef FDRPC_TESTS_SUPPORT_CHILD_H_
#define FDRPC_TESTS_SUPPORT_CHILD_H_

#include <functional>

namespace fdrpc::testing {

// Runs `body` in a forked child and gives the code that it returned, or -1 and
// a failure if the child died otherwise. Assertions in the child reach nobody.
int InChild(const std::function<int()>& body);

// For a child: goes on as a user without privileges, if this one has any. No
// other process has that user: the kernel counts descriptors in flight, and
// servers count connections, by user.
void BecomeUnprivileged();

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_CHILD_H_
