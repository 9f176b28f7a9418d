#include "services/process/child_process.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::process {
namespace {

using testing::FileWith;
using ::testing::HasSubstr;
using testing::Pipe;
using testing::ReadRest;

class ChildProcessTest : public ::testing::Test {
 protected:
  static ProcessSpec SpecOf(std::vector<std::string> words) {
    ProcessSpec spec;
    spec.program = words.front();
    spec.arguments = std::move(words);
    spec.environment = {"PATH=/usr/bin:/bin"};
    return spec;
  }
  static ProcessSpec Script(const std::string& script) {
    return SpecOf({"sh", "-c", script});
  }
  static absl::StatusOr<ChildProcess> Spawn(const ProcessSpec& spec) {
    absl::StatusOr<ChildProcess> child = ChildProcess::Start(spec);
    if (!child.ok()) return child;
    if (absl::Status status = child->FinishStart(spec); !status.ok()) {
      child->AwaitEnd();
      return status;
    }
    return child;
  }
  static absl::Status Failure(const ProcessSpec& spec) {
    return Spawn(spec).status();
  }
  // What the script prints.
  static std::string OutputOf(ProcessSpec spec) {
    auto [output, write_end] = Pipe();
    spec.descriptors.push_back(
        {.fd = write_end.get(), .number = STDOUT_FILENO});
    absl::StatusOr<ChildProcess> child = Spawn(spec);
    write_end.Reset();
    if (!child.ok()) return child.status().ToString();
    const std::string text = ReadRest(output.get());
    EXPECT_EQ(child->AwaitEnd().exit_code, 0);
    return text;
  }

  testing::ExpectSameDescriptors census_;
};

TEST_F(ChildProcessTest, ReportsTheExitCodeOnce) {
  absl::StatusOr<ChildProcess> child = Spawn(Script("exit 7"));
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_EQ(child->AwaitEnd().exit_code, 7);
  EXPECT_FALSE(child->Reap().has_value());
}

TEST_F(ChildProcessTest, ReportsTheSignalThatEndedIt) {
  auto [input, hold] = Pipe();
  ProcessSpec spec = SpecOf({"cat"});
  spec.descriptors = {{.fd = input.get(), .number = 0}};
  absl::StatusOr<ChildProcess> child = Spawn(spec);
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_FALSE(child->Reap().has_value());
  child->Signal(SIGKILL);
  EXPECT_EQ(child->AwaitEnd().signal, SIGKILL);
}

TEST_F(ChildProcessTest, ReportsWhatItUsed) {
  absl::StatusOr<ChildProcess> child = Spawn(Script(":"));
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_GT(child->AwaitEnd().resources.ru_maxrss, 0);
}

TEST_F(ChildProcessTest, ThePidfdIsReadableAtItsEnd) {
  auto [input, hold] = Pipe();
  ProcessSpec spec = SpecOf({"cat"});
  spec.descriptors = {{.fd = input.get(), .number = 0}};
  absl::StatusOr<ChildProcess> child = Spawn(spec);
  ASSERT_TRUE(child.ok()) << child.status();
  pollfd end = {.fd = child->pidfd().get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 0), 0);
  hold.Reset();
  EXPECT_EQ(poll(&end, 1, -1), 1);
  EXPECT_TRUE(child->Reap().has_value());
}

// Each step that fails says which, and leaves no process.
TEST_F(ChildProcessTest, SaysWhatFailed) {
  testing::TempDir dir;
  std::ofstream(dir.file("text")) << "no program";
  std::filesystem::permissions(dir.file("text"),
                               std::filesystem::perms::owner_all);
  std::ofstream(dir.file("script")) << "#!/no/such/interpreter\n";
  std::filesystem::permissions(dir.file("script"),
                               std::filesystem::perms::owner_all);
  const struct {
    std::vector<std::string> words;
    absl::StatusCode code;
    const char* text;
  } table[] = {
      {{"no-such-program"}, absl::StatusCode::kNotFound, "no-such-program"},
      {{"/no/such"}, absl::StatusCode::kNotFound, "/no/such"},
      {{"/etc/passwd/x"}, absl::StatusCode::kNotFound, "no such program"},
      {{dir.file("script")}, absl::StatusCode::kNotFound, "interpreter"},
      {{"/etc/passwd"}, absl::StatusCode::kPermissionDenied, "may not run it"},
      {{dir.path()}, absl::StatusCode::kPermissionDenied, "may not run it"},
      {{dir.file("text")}, absl::StatusCode::kFailedPrecondition, "format"},
      {{"cat", std::string(4 << 20, 'x')},
       absl::StatusCode::kInvalidArgument,
       "too long"},
      {{"/" + std::string(300, 'x')},
       absl::StatusCode::kInvalidArgument,
       "too long"},
  };
  for (const auto& row : table) {
    const absl::Status status = Failure(SpecOf(row.words));
    EXPECT_EQ(status.code(), row.code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.text));
  }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a child was not reaped";
}

TEST_F(ChildProcessTest, SkipsTooLongAndEmptyPartsOfThePath) {
  ProcessSpec spec = SpecOf({"true"});
  spec.environment = {"PATH=" + std::string(5000, 'x') + "::/etc:/usr/bin"};
  EXPECT_EQ(OutputOf(spec), "");
}

TEST_F(ChildProcessTest, NamesTheDescriptorOrTerminalThatCannotBeGiven) {
  ProcessSpec spec = Script(":");
  const UniqueFd file = FileWith("");
  spec.descriptors = {{.fd = file.get(), .number = 5},
                      {.fd = 999'999, .number = 6}};
  absl::Status status = Failure(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("descriptor number 6"));

  spec.descriptors.pop_back();
  spec.controlling_terminal = 5;
  status = Failure(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a terminal"));
}

TEST_F(ChildProcessTest, NamesTheDirectoryOrLimitThatFails) {
  ProcessSpec spec = Script(":");
  const UniqueFd file = FileWith("");
  spec.working_directory = file.get();
  EXPECT_THAT(std::string(Failure(spec).message()),
              HasSubstr("working directory: Not a directory"));
  spec.working_directory = -1;
  spec.limits = {{.resource = RLIMIT_CORE, .limit = {0, 0}},
                 {.resource = RLIMIT_CPU, .limit = {2, 1}}};
  const absl::Status status = Failure(spec);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("limit number 2"));
}

// Numbers that are in use here, in every order, among them that of the pipe
// which reports failures.
TEST_F(ChildProcessTest, MapsDescriptorsToNumbersThatAreInUse) {
  const std::vector<UniqueFd> files = testing::FilesWithNumbers(8);
  std::vector<int> numbers;
  for (const UniqueFd& file : files) numbers.push_back(file.get());
  const int highest = *std::max_element(numbers.begin(), numbers.end());
  for (int shift = 0; shift < 12; ++shift) {
    ProcessSpec spec;
    std::string script;
    for (size_t i = 0; i < files.size(); ++i) {
      const int number = 3 + (static_cast<int>(i) + shift) % (highest + 4);
      spec.descriptors.push_back({.fd = numbers[i], .number = number});
      script += "cat /proc/self/fd/" + std::to_string(number) + ";";
    }
    const std::vector<MappedDescriptor> mapped = spec.descriptors;
    spec = Script(script);
    spec.descriptors = mapped;
    EXPECT_EQ(OutputOf(spec), "01234567") << shift;
  }
}

TEST_F(ChildProcessTest, OneDescriptorMayHaveSeveralNumbers) {
  const UniqueFd file = FileWith("content");
  ProcessSpec spec = Script("cat /proc/self/fd/9 /proc/self/fd/0");
  spec.descriptors = {{.fd = file.get(), .number = 9},
                      {.fd = file.get(), .number = 0}};
  EXPECT_EQ(OutputOf(spec), "contentcontent");
}

TEST_F(ChildProcessTest, HasOnlyTheDescriptorsThatItIsGiven) {
  // Without close-on-exec, as careless code leaves them.
  const UniqueFd leaked(open("/dev/null", O_RDONLY));
  auto [input, hold] = Pipe();
  ProcessSpec spec = SpecOf({"cat"});
  spec.descriptors = {{.fd = input.get(), .number = 0},
                      {.fd = input.get(), .number = 7}};
  absl::StatusOr<ChildProcess> child = Spawn(spec);
  ASSERT_TRUE(child.ok()) << child.status();
  const testing::DescriptorCensus theirs = testing::TakeCensusOf(child->pid());
  EXPECT_THAT(theirs, ::testing::UnorderedElementsAre(
                          ::testing::Pair(0, HasSubstr("pipe:")),
                          ::testing::Pair(1, "/dev/null"),
                          ::testing::Pair(2, "/dev/null"),
                          ::testing::Pair(7, HasSubstr("pipe:"))));
  hold.Reset();
  EXPECT_EQ(child->AwaitEnd().exit_code, 0);
}

TEST_F(ChildProcessTest, HasAllSignalsAsByDefault) {
  const int result = testing::InChild([] {
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, nullptr);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGTERM, [](int) {});
    const std::string text = OutputOf(SpecOf({"cat", "/proc/self/status"}));
    for (const char* line : {"SigBlk:", "SigIgn:", "SigCgt:"}) {
      EXPECT_THAT(text, HasSubstr(std::string(line) + "\t0000000000000000\n"));
    }
    sigset_t now;
    sigprocmask(SIG_SETMASK, nullptr, &now);
    EXPECT_TRUE(sigismember(&now, SIGUSR1)) << "ours has changed";
    EXPECT_FALSE(sigismember(&now, SIGTERM)) << "ours has changed";
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(result, 0);
}

TEST_F(ChildProcessTest, HasDirectoryUmaskLimitsAndNoNewPrivileges) {
  testing::TempDir dir;
  const UniqueFd directory(
      open(dir.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ProcessSpec spec = Script(
      "pwd; umask; ulimit -n; ulimit -Hn; "
      "grep NoNewPrivs /proc/self/status; echo $ONLY; env | wc -l");
  spec.working_directory = directory.get();
  spec.umask = 0027;
  spec.limits = {{.resource = RLIMIT_NOFILE, .limit = {50, 60}}};
  spec.no_new_privileges = true;
  spec.environment = {"PATH=/usr/bin:/bin", "ONLY=this"};
  // The shell adds PWD, and env is counted with it.
  EXPECT_THAT(OutputOf(spec),
              ::testing::StartsWith(dir.path() +
                                    "\n0027\n50\n60\nNoNewPrivs:\t1\nthis\n"));
}

TEST_F(ChildProcessTest, WithoutADirectoryItIsInTheRoot) {
  EXPECT_EQ(OutputOf(SpecOf({"pwd"})), "/\n");
}

TEST_F(ChildProcessTest, LeadsASessionAndAGroup) {
  EXPECT_EQ(OutputOf(Script("read -r pid name state parent group session rest "
                            "< /proc/$$/stat; [ $pid = $group ] && "
                            "[ $pid = $session ] && echo leads")),
            "leads\n");
}

TEST_F(ChildProcessTest, SignalsReachItsGroup) {
  auto [output, write_end] = Pipe();
  auto [input, hold] = Pipe();
  ProcessSpec spec = Script("cat <&3 & echo started; wait");
  spec.descriptors = {{.fd = write_end.get(), .number = 1},
                      {.fd = input.get(), .number = 3}};
  absl::StatusOr<ChildProcess> child = Spawn(spec);
  ASSERT_TRUE(child.ok()) << child.status();
  write_end.Reset();
  std::string started(8, 0);
  ASSERT_EQ(read(output.get(), started.data(), started.size()), 8);
  child->SignalGroup(SIGKILL);
  EXPECT_EQ(child->AwaitEnd().signal, SIGKILL);
  EXPECT_EQ(ReadRest(output.get()), "") << "until the last of them has ended";
}

TEST_F(ChildProcessTest, TellsThatAChildWasStopped) {
  auto [input, hold] = Pipe();
  ProcessSpec spec = SpecOf({"cat"});
  spec.descriptors = {{.fd = input.get(), .number = 0}};
  absl::StatusOr<ChildProcess> child = Spawn(spec);
  ASSERT_TRUE(child.ok()) << child.status();
  // Blocks until it has stopped, without taking the news.
  child->Signal(SIGSTOP);
  siginfo_t info;
  ASSERT_EQ(
      waitid(P_PID, static_cast<id_t>(child->pid()), &info, WSTOPPED | WNOWAIT),
      0);
  std::optional<ChildProcess::StateChange> change =
      ChildProcess::NextStateChange();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->pid, child->pid());
  EXPECT_EQ(change->stop_signal, SIGSTOP);
  child->Signal(SIGCONT);
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child->pid()), &info,
                   WCONTINUED | WNOWAIT),
            0);
  change = ChildProcess::NextStateChange();
  ASSERT_TRUE(change.has_value());
  EXPECT_EQ(change->stop_signal, 0);
  EXPECT_FALSE(ChildProcess::NextStateChange().has_value());
  child->Signal(SIGKILL);
  child->AwaitEnd();
}

TEST_F(ChildProcessTest, DiesWithItsParentIfAsked) {
  for (const bool dies : {true, false}) {
    auto out = Pipe();
    UniqueFd& alive = out.first;
    UniqueFd& write_end = out.second;
    auto in = Pipe();
    UniqueFd& input = in.first;
    UniqueFd& hold = in.second;
    const pid_t parent = testing::Fork([&] {
      alive.Reset();
      hold.Reset();
      ProcessSpec spec = SpecOf({"cat"});
      spec.descriptors = {{.fd = input.get(), .number = 0},
                          {.fd = write_end.get(), .number = 1}};
      spec.dies_with_parent = dies;
      if (!Spawn(spec).ok()) return 1;
      return 0;
    });
    write_end.Reset();
    input.Reset();
    ASSERT_EQ(testing::ExitCode(parent), 0);
    if (!dies) {
      ASSERT_EQ(write(hold.get(), "lives", 5), 5);
      hold.Reset();
    }
    EXPECT_EQ(ReadRest(alive.get()), dies ? "" : "lives");
  }
}

TEST_F(ChildProcessTest, BecomesAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can";
  ProcessSpec spec = Script("id -u; id -g; id -G; cat /etc/shadow || echo no");
  spec.user = UserIds{.uid = 12345, .gid = 23456, .groups = {23456, 34567}};
  EXPECT_EQ(OutputOf(spec), "12345\n23456\n23456 34567\nno\n");
}

TEST_F(ChildProcessTest, AnotherUserDoesNotHaveTheSessionKeyring) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const int result = testing::InChild([] {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "fdrpc-test") < 0) {
      return 0;  // there are no keyrings here
    }
    ProcessSpec spec = SpecOf({"cat", "/proc/keys"});
    EXPECT_THAT(OutputOf(spec), HasSubstr("fdrpc-test"));
    spec.user = UserIds{.uid = 12345, .gid = 23456, .groups = {}};
    EXPECT_THAT(OutputOf(spec), ::testing::Not(HasSubstr("fdrpc-test")));
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(result, 0);
}

TEST_F(ChildProcessTest, AnUnprivilegedParentCannotChooseTheUser) {
  const int result = testing::InChild([] {
    testing::BecomeUnprivileged();
    ProcessSpec spec = Script(":");
    spec.user = UserIds{.uid = 0, .gid = 0, .groups = {}};
    const absl::Status status = Failure(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("user 0"));
    return ::testing::Test::HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(result, 0);
}

// The allocator's locks are held here at any moment.
TEST_F(ChildProcessTest, CanBeStartedBesideBusyThreads) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([](const std::stop_token& stop) {
      while (!stop.stop_requested()) std::string(100'000, 'x').shrink_to_fit();
    });
  }
  for (int i = 0; i < 200; ++i) {
    absl::StatusOr<ChildProcess> child = Spawn(SpecOf({"true"}));
    ASSERT_TRUE(child.ok()) << child.status();
    EXPECT_EQ(child->AwaitEnd().exit_code, 0);
  }
}

}  // namespace
}  // namespace fdrpc::process
