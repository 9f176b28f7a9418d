// A host process that hangs is replaced.
#include <elf.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/held_process.h"
#include "tests/services/host/running_host.h"
#include "tests/services/program/program.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

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

// A process must not be killed because this one cannot see it.
TEST(HeldProcessTest, IsOneOfWhichNothingIsKnown) {
  EXPECT_TRUE(IsHeld(1 << 30));
}

class HostHangTest : public ::testing::Test {
 protected:
  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

// Has the process do nothing but jump to where it is. Empty, or why it cannot.
std::string MakeItSpin(pid_t pid) {
#if defined(__x86_64__)
  const uint64_t kJump = 0xfeeb, kMask = 0xffff;
  const auto place = [](const user_regs_struct& regs) { return regs.rip; };
#elif defined(__aarch64__)
  const uint64_t kJump = 0x14000000, kMask = 0xffffffff;
  const auto place = [](const user_regs_struct& regs) { return regs.pc; };
#else
  return "not written for this processor";
#endif
#if defined(__x86_64__) || defined(__aarch64__)
  if (ptrace(PTRACE_ATTACH, pid, nullptr, nullptr) < 0) {
    return "no process can be traced here";
  }
  EXPECT_EQ(waitpid(pid, nullptr, __WALL), pid);
  user_regs_struct registers;
  iovec buffer = {.iov_base = &registers, .iov_len = sizeof(registers)};
  EXPECT_EQ(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &buffer), 0);
  const auto at = place(registers);
  errno = 0;
  const auto word = static_cast<uint64_t>(ptrace(PTRACE_PEEKTEXT, pid, at, 0));
  EXPECT_EQ(errno, 0);
  EXPECT_EQ(ptrace(PTRACE_POKETEXT, pid, at, (word & ~kMask) | kJump), 0);
  EXPECT_EQ(ptrace(PTRACE_DETACH, pid, nullptr, nullptr), 0);
  return "";
#endif
}

TEST_F(HostHangTest, WhileItServesIsReplaced) {
  host_.Add("echo");
  host_.Start({"--hang-timeout", "2s"});
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok());
  const pid_t first = host_.HostPid();
  if (const std::string why_not = MakeItSpin(first); !why_not.empty()) {
    GTEST_SKIP() << why_not;
  }
  while (host_.HostPid() == first) {
  }
  EXPECT_EQ(host_.StatusOf("echo").pid(), before->number());
  const testing::Ending ending = host_.Stop();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.errors, HasSubstr(" was killed by SIGKILL\n"));
}

// After an upgrade to a program that hangs, the keeper's own goes on. It has
// ten times as long to serve.
TEST_F(HostHangTest, BeforeItServesIsReplaced) {
  const std::string program = host_.dir().file("fdrpc-host");
  std::filesystem::copy_file(FDRPC_HOST_PROGRAM, program);
  host_.SetProgram(program);
  host_.Add("echo");
  host_.Start({"--hang-timeout", "1s"});
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok());
  const std::string broken = program + ".new";
  auto [began, begins] = testing::Pipe();
  const std::string begun =
      absl::StrCat("/proc/", getpid(), "/fd/", begins.get());
  std::ofstream(broken) << "#!/bin/sh\necho $$ >" << begun
                        << "\nexec sleep 1000\n";
  std::filesystem::permissions(broken, std::filesystem::perms::owner_all);
  std::filesystem::rename(broken, program);
  host_.program().Signal(SIGUSR2);
  const std::string hanging = testing::Program::ReadLine(began.get());
  EXPECT_NE(absl::StrCat(host_.HostPid()), hanging);
  const auto after = host_.Call("echo", "");
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->number(), before->number());
  std::filesystem::remove(program);
  const testing::Ending ending = host_.Stop();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(
      ending.errors,
      HasSubstr(absl::StrCat("the host process ", hanging,
                             " has not answered for 10s, and is killed\n")));
}

}  // namespace
}  // namespace fdrpc::host
