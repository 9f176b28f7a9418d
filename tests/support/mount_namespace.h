#ifndef FDRPC_TESTS_SUPPORT_MOUNT_NAMESPACE_H_
#define FDRPC_TESTS_SUPPORT_MOUNT_NAMESPACE_H_

#include <sched.h>
#include <sys/mount.h>

namespace fdrpc::testing {

// For a child: from now on its mounts are its own. False if this process may
// not have that.
inline bool LeaveMountNamespace() {
  return (unshare(CLONE_NEWNS) == 0 ||
          unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_MOUNT_NAMESPACE_H_
