#ifndef FDRPC_TESTS_SUPPORT_CHILD_H_
#define FDRPC_TESTS_SUPPORT_CHILD_H_

#include <sys/types.h>

#include <functional>

namespace fdrpc::testing {

// As fork(2), which tests do not call while they have threads, or their child
// starts some. Under a sanitizer it waits until this process's other threads
// sleep, for some seconds at most: what one of them has locked of the
// allocator, which GCC 12's do not unlock, would stay locked in the child.
pid_t Fork();
// The same for a child that runs `body` and ends with the code that it returns.
pid_t Fork(const std::function<int()>& body);
// Waits for a child's end: its code, or minus the signal that ended it.
int ExitCode(pid_t child);

// Runs `body` in a forked child and gives the code that it returned, or -1 and
// a failure if the child died otherwise. Assertions in the child reach nobody.
int InChild(const std::function<int()>& body);

// For a child: goes on as a user without privileges, if this one has any. No
// other process has that user: the kernel counts descriptors in flight, and
// servers count connections, by user.
void BecomeUnprivileged();

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_CHILD_H_
