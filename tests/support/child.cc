#include "tests/support/child.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "gtest/gtest.h"

namespace fdrpc::testing {

int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
    ADD_FAILURE() << "the child did not run to its end: " << status;
    return -1;
  }
  return WEXITSTATUS(status);
}

void BecomeUnprivileged() {
  if (geteuid() != 0) return;
  // Above all users of the system and below the kernel's 2^32 - 1.
  const uid_t own = 1'000'000 + static_cast<uid_t>(getpid());
  if (setgroups(0, nullptr) != 0 || setresgid(own, own, own) != 0 ||
      setresuid(own, own, own) != 0) {
    _exit(EXIT_FAILURE);
  }
}

}  // namespace fdrpc::testing
