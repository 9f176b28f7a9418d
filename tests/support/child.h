#ifndef FDRPC_TESTS_SUPPORT_CHILD_H_
#define FDRPC_TESTS_SUPPORT_CHILD_H_

#include <sys/types.h>

#include <functional>

namespace fdrpc::testing {

// Like fork(2), which tests must not call if they have threads or the child
// starts some. A child that is still there after minutes dies of SIGALRM.
//
// Under a sanitizer it waits until the other threads of this process sleep, for
// some seconds at most: a lock of the allocator that one of them holds would
// stay locked in the child, because GCC 12's sanitizers do not release it. The
// child returns when it has taken these locks; one that cannot is replaced by
// another, and if that does not help, Fork() fails with EDEADLK.
pid_t Fork();
// The same for a child that runs `body`, and exits with its result.
pid_t Fork(const std::function<int()>& body);
// Waits for a child to end. Returns its exit code, or minus the signal that
// ended it.
int ExitCode(pid_t child);

// Runs `body` in a forked child. Returns its result; or -1, with a test
// failure, if the child died. Assertions in the child reach nobody.
int InChild(const std::function<int()>& body);

// For a child: continues as an unprivileged user, if this process is
// privileged. No other process has that user: the kernel counts descriptors in
// flight, and servers count connections, by user.
void BecomeUnprivileged();

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_CHILD_H_
