#include "services/process/pidfd.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"

namespace fdrpc::process {
namespace {

TEST(PidfdTest, HasEndedSaysWhetherAProcessHasEnded) {
  const pid_t child = testing::Fork([] {
    while (true) pause();
    return 0;
  });
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  ASSERT_TRUE(pidfd.ok());
  EXPECT_FALSE(HasEnded(pidfd.get()));
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(HasEnded(pidfd.get()));
}

TEST(PidfdTest, AProcessHasNotEndedIfTheSystemCannotTell) {
  const UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  ASSERT_TRUE(pidfd.ok());
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // poll(2) refuses more descriptors than that.
  const rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool has_ended = HasEnded(pidfd.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_FALSE(has_ended);
}

}  // namespace
}  // namespace fdrpc::process
