// A host process that hangs is replaced.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/held_process.h"
#include "tests/services/host/running_host.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::host {
namespace {

using ::testing::HasSubstr;
using testing::RunningHost;

// A child that waits for signals.
class Child {
 public:
  Child()
      : pid_(testing::Fork([] {
          while (true) pause();
          return 0;
        })) {}
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  const pid_t pid_;
};

TEST(HeldProcessTest, IsOneThatASignalHasStopped) {
  const Child child;
  EXPECT_FALSE(IsHeld(child.pid()));
  kill(child.pid(), SIGSTOP);
  ASSERT_EQ(waitpid(child.pid(), nullptr, WUNTRACED), child.pid());
  EXPECT_TRUE(IsHeld(child.pid()));
  kill(child.pid(), SIGCONT);
  ASSERT_EQ(waitpid(child.pid(), nullptr, WCONTINUED), child.pid());
  EXPECT_FALSE(IsHeld(child.pid()));
}

TEST(HeldProcessTest, IsOneThatADebuggerHolds) {
  const Child child;
  if (ptrace(PTRACE_ATTACH, child.pid(), nullptr, nullptr) < 0) {
    GTEST_SKIP() << "no process can be traced here: errno " << errno;
  }
  ASSERT_EQ(waitpid(child.pid(), nullptr, 0), child.pid());
  EXPECT_TRUE(IsHeld(child.pid()));
  ASSERT_EQ(ptrace(PTRACE_DETACH, child.pid(), nullptr, nullptr), 0);
}

TEST(HeldProcessTest, IsNoneThatIsGone) { EXPECT_FALSE(IsHeld(1 << 30)); }

class HostHangTest : public ::testing::Test {
 protected:
  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

// After an upgrade to a program that hangs, the keeper's own goes on.
TEST_F(HostHangTest, IsReplaced) {
  const std::string program = host_.dir().file("fdrpc-host");
  std::filesystem::copy_file(FDRPC_HOST_PROGRAM, program);
  host_.SetProgram(program);
  host_.Add("echo");
  host_.Start({"--hang-timeout", "2s"});
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok());
  const pid_t first = host_.HostPid();
  const std::string broken = program + ".new";
  std::ofstream(broken) << "#!/bin/sh\nexec sleep 1000\n";
  std::filesystem::permissions(broken, std::filesystem::perms::owner_all);
  std::filesystem::rename(broken, program);
  host_.program().Signal(SIGUSR2);
  while (host_.HostPid() == first) {
  }
  const auto after = host_.Call("echo", "");
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->number(), before->number());
  // It answers, and so it stays.
  const pid_t second = host_.HostPid();
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(2500);
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_EQ(host_.HostPid(), second);
  }
  std::filesystem::remove(program);
  const testing::Ending ending = host_.Stop();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.errors, HasSubstr(" has not answered for 2s, and is "
                                       "killed\n"));
}

}  // namespace
}  // namespace fdrpc::host
