// fdrpc-run, against fdrpc-launcher, each as a process.
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/launcher/launcher.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::launcher {
namespace {

using testing::Ending;
using ::testing::HasSubstr;
using testing::Pipe;
using testing::Program;
using testing::ProgramOptions;
using testing::ReadRest;

class RunProgramTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::vector<std::string> Words(const std::vector<std::string>& options,
                                 const std::vector<std::string>& command) {
    std::vector<std::string> words = {FDRPC_RUN_PROGRAM, "--server",
                                      launcher_.address(GetParam())};
    words.insert(words.end(), options.begin(), options.end());
    words.push_back("--");
    words.insert(words.end(), command.begin(), command.end());
    return words;
  }
  Ending RunScript(const std::string& script, ProgramOptions options = {}) {
    return testing::Run(Words({}, {"sh", "-c", script}), std::move(options));
  }
  // The next `count` bytes, which a process has still to write.
  static std::string ReadBytes(int fd, size_t count) {
    std::string bytes(count, 0);
    size_t filled = 0;
    while (filled < count) {
      const ssize_t n = read(fd, &bytes[filled], count - filled);
      if (n <= 0) break;
      filled += static_cast<size_t>(n);
    }
    bytes.resize(filled);
    return bytes;
  }

  static bool HoldsPidfd(pid_t pid) {
    const std::string descriptors = "/proc/" + std::to_string(pid) + "/fd";
    for (const auto& entry : std::filesystem::directory_iterator(descriptors)) {
      std::error_code closed;  // meanwhile
      if (std::filesystem::read_symlink(entry, closed).native().find("pidfd") !=
          std::string::npos) {
        return true;
      }
    }
    return false;
  }

  testing::ExpectSameDescriptors census_;
  testing::Launcher launcher_;
};

INSTANTIATE_TEST_SUITE_P(
    Types, RunProgramTest, ::testing::ValuesIn(testing::Launcher::kSchemes),
    [](const ::testing::TestParamInfo<const char*>& scheme) {
      const std::string name(scheme.param);
      return name == "unix:"             ? "Stream"
             : name == "unix-seqpacket:" ? "Seqpacket"
                                         : "Datagram";
    });

TEST_P(RunProgramTest, PassesTheStreamsAndTheExitCode) {
  const Ending ending =
      RunScript("cat; echo error >&2; exit 42", {.input = "input"});
  EXPECT_EQ(ending.exit_status, 42);
  EXPECT_EQ(ending.output, "input");
  EXPECT_EQ(ending.errors, "error\n");
}

// The descriptors themselves: what is written does not pass fdrpc-run.
TEST_P(RunProgramTest, TheCommandHasTheSameOpenFiles) {
  auto [read_end, write_end] = Pipe();
  Program run(Words({}, {"readlink", "/proc/self/fd/1"}),
              {.standard_output = write_end.get()});
  const std::string ours = testing::TakeCensus().at(write_end.get());
  write_end.Reset();
  EXPECT_EQ(ReadRest(read_end.get()), ours + "\n");
  EXPECT_EQ(run.Wait().exit_status, 0);
}

TEST_P(RunProgramTest, HasTheEnvironmentTheDirectoryAndTheUmask) {
  setenv("FDRPC_OF_THE_TEST", "here", 1);
  const mode_t before = umask(0027);
  const Ending here = RunScript("echo $FDRPC_OF_THE_TEST; pwd; umask");
  umask(before);
  unsetenv("FDRPC_OF_THE_TEST");
  EXPECT_EQ(here.output,
            "here\n" + std::filesystem::current_path().string() + "\n0027\n");
  const Ending there = testing::Run(Words(
      {"--directory", "/usr", "--env", "A=b=c", "--env", "EMPTY=", "--limit",
       "nofile=77", "--limit", "core=0:0", "--no-new-privileges"},
      {"sh", "-c",
       "pwd; echo $A ${EMPTY-unset}; ulimit -Hn; "
       "grep NoNewPrivs /proc/self/status"}));
  EXPECT_EQ(there.output, "/usr\nb=c\n77\nNoNewPrivs:\t1\n") << there.errors;
}

TEST_P(RunProgramTest, TheEnvironmentMayBeTheLaunchers) {
  setenv("FDRPC_OF_THE_TEST", "here", 1);
  const Ending ending =
      testing::Run(Words({"--launcher-environment"},
                         {"sh", "-c", "echo ${FDRPC_OF_THE_TEST-none}"}));
  unsetenv("FDRPC_OF_THE_TEST");
  EXPECT_EQ(ending.output, "none\n");
}

TEST_P(RunProgramTest, PassesFurtherDescriptors) {
  const UniqueFd file = testing::FileWith("content");
  ASSERT_EQ(dup2(file.get(), 77), 77);
  const UniqueFd inherited(77);
  const Ending ending =
      testing::Run(Words({"--fd", "77"}, {"cat", "/proc/self/fd/77"}));
  EXPECT_EQ(ending.output, "content") << ending.errors;
  EXPECT_EQ(testing::Run(Words({}, {"cat", "/proc/self/fd/77"})).exit_status, 1)
      << "it has others than it was given";
}

TEST_P(RunProgramTest, DiesOfTheSignalThatTheCommandDiedOf) {
  for (const int signal : {SIGTERM, SIGKILL, SIGSEGV, SIGPIPE}) {
    const Ending ending = RunScript("kill -" + std::to_string(signal) + " $$");
    EXPECT_EQ(ending.signal, signal);
    EXPECT_EQ(ending.errors, "");
  }
}

TEST_P(RunProgramTest, SaysWhatIsWrongWithTheCommand) {
  const struct {
    std::vector<std::string> command;
    int exit_status;
    const char* error;
  } table[] = {
      {{"no-such-program"}, 127, "fdrpc-run: NOT_FOUND: \"no-such-program\""},
      {{"/etc/passwd"}, 126, "fdrpc-run: PERMISSION_DENIED: \"/etc/passwd\""},
  };
  for (const auto& row : table) {
    const Ending ending = testing::Run(Words({}, row.command));
    EXPECT_EQ(ending.exit_status, row.exit_status);
    EXPECT_THAT(ending.errors, ::testing::StartsWith(row.error));
  }
}

TEST_P(RunProgramTest, SignalsReachTheCommand) {
  auto [input, hold] = Pipe();
  auto [output, write_end] = Pipe();
  const std::string script =
      "for s in INT TERM HUP QUIT USR1 USR2 WINCH; do trap \"echo $s\" $s; "
      "done; echo ready; ";
  Program run(
      Words({}, {"sh", "-c", script + testing::kUntilInputEnds}),
      {.standard_input = input.get(), .standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(Program::ReadLine(output.get()), "ready");
  const std::pair<int, std::string> signals[] = {
      {SIGINT, "INT"},    {SIGTERM, "TERM"}, {SIGHUP, "HUP"},
      {SIGQUIT, "QUIT"},  {SIGUSR1, "USR1"}, {SIGUSR2, "USR2"},
      {SIGWINCH, "WINCH"}};
  for (const auto& [signal, name] : signals) {
    run.Signal(signal);
    EXPECT_EQ(Program::ReadLine(output.get()), name);
  }
  run.Signal(SIGKILL);
  EXPECT_EQ(run.Wait().signal, SIGKILL);
  EXPECT_EQ(ReadRest(output.get()), "") << "the command has ended, too";
}

// A process group that nobody of its session can continue, as of a program that
// a service manager starts: SIGTSTP does not stop it, but SIGSTOP does.
TEST_P(RunProgramTest, StopsWithTheCommandAndContinues) {
  for (const bool orphaned : {false, true}) {
    auto [output, write_end] = Pipe();
    std::vector<std::string> words =
        Words({}, {"sh", "-c", "echo $$; kill -STOP $$; echo on"});
    if (orphaned) words.insert(words.begin(), "setsid");
    Program run(words, {.standard_output = write_end.get()});
    write_end.Reset();
    EXPECT_NE(Program::ReadLine(output.get()), "");
    int status = 0;
    ASSERT_EQ(waitpid(run.pid(), &status, WUNTRACED), run.pid());
    ASSERT_TRUE(WIFSTOPPED(status)) << status;
    EXPECT_EQ(WSTOPSIG(status), SIGSTOP);
    run.Signal(SIGCONT);
    EXPECT_EQ(Program::ReadLine(output.get()), "on");
    EXPECT_EQ(run.Wait().exit_status, 0);
  }
}

TEST_P(RunProgramTest, IsNotStoppedBySigtstpIfNobodyCouldContinueIt) {
  auto [input, hold] = Pipe();
  auto [output, write_end] = Pipe();
  std::vector<std::string> words =
      Words({}, {"sh", "-c", "echo ready; read line; echo $line"});
  words.insert(words.begin(), "setsid");
  Program run(words, {.standard_input = input.get(),
                      .standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(Program::ReadLine(output.get()), "ready");
  run.Signal(SIGTSTP);
  ASSERT_EQ(write(hold.get(), "on\n", 3), 3);
  EXPECT_EQ(Program::ReadLine(output.get()), "on");
  EXPECT_EQ(run.Wait().exit_status, 0);
}

TEST_P(RunProgramTest, KillingItKillsTheCommandAtAnyPoint) {
  for (int i = 0; i < 20; ++i) {
    auto [input, hold] = Pipe();
    auto [output, write_end] = Pipe();
    Program run(
        Words({}, {"sh", "-c", "echo x; cat"}),
        {.standard_input = input.get(), .standard_output = write_end.get()});
    write_end.Reset();
    // From before its start to after it.
    if (i % 2 == 1) ReadBytes(output.get(), 2);
    run.Signal(SIGKILL);
    run.Wait();
    ReadRest(output.get());
  }
  // The last of them is reaped at any moment now.
  while (!testing::ChildrenOf(launcher_.program().pid()).empty()) {
    sched_yield();
  }
}

TEST_P(RunProgramTest, WithKeepTheCommandGoesOn) {
  auto [output, write_end] = Pipe();
  auto [input, hold] = Pipe();
  ASSERT_EQ(dup2(input.get(), 77), 77);
  const UniqueFd inherited(77);
  Program run(Words({"--keep", "--fd", "77"},
                    {"sh", "-c", "echo x; exec cat /proc/self/fd/77"}),
              {.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(ReadBytes(output.get(), 2), "x\n");
  // Before that it may not have the launcher's reply, and a Launch() whose
  // client ends without it ends the command.
  while (!HoldsPidfd(run.pid())) sched_yield();
  run.Signal(SIGKILL);
  run.Wait();
  ASSERT_EQ(write(hold.get(), "on", 2), 2);
  EXPECT_EQ(ReadBytes(output.get(), 2), "on");
  hold.Reset();
  EXPECT_EQ(ReadRest(output.get()), "");
}

TEST_P(RunProgramTest, SaysThatTheLauncherIsLost) {
  auto [input, hold] = Pipe();
  auto [output, write_end] = Pipe();
  Program run(
      Words({}, {"sh", "-c", "exec 3<&0; echo x; cat <&3 & wait"}),
      {.standard_input = input.get(), .standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(ReadBytes(output.get(), 2), "x\n");
  launcher_.Stop(SIGKILL);
  const Ending ending = run.Wait();
  EXPECT_EQ(ending.exit_status, 125);
  EXPECT_THAT(ending.errors, HasSubstr("fdrpc-run: UNAVAILABLE: "));
}

TEST_P(RunProgramTest, ReportsResources) {
  const Ending ending = testing::Run(Words({"--resources"}, {"true"}));
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.errors,
              ::testing::MatchesRegex("fdrpc-run: [0-9]+ ms user, .*\n"));
}

TEST(RunProgramWaitTest, CanBeInterruptedWhileThereIsNoLauncher) {
  Program run({FDRPC_RUN_PROGRAM, "--server", "unix:@fdrpc-no-launcher",
               "--wait", "--", "true"});
  run.Signal(SIGINT);
  EXPECT_EQ(run.Wait().signal, SIGINT);
}

TEST(RunProgramErrorsTest, EachWrongUseHasOneClearError) {
  const struct {
    std::vector<std::string> words;
    const char* error;
  } table[] = {
      {{"--server", "unix:@x"}, "-- COMMAND is missing"},
      {{"--server", "unix:@x", "--"}, "-- COMMAND is missing"},
      {{"--", "true"}, "--server ADDRESS is missing"},
      {{"--server", "unix:@x", "true"}, "\"true\": COMMAND stands after --"},
      {{"--server", "unix:@x", "--env", "=x", "--", "true"},
       "--env: \"=x\" is not like NAME=VALUE"},
      {{"--server", "unix:@x", "--fd", "2", "--", "true"}, "--fd 2"},
      {{"--server", "unix:@x", "--limit", "files=3", "--", "true"},
       "--limit: \"files\" is none of the limits as core"},
      {{"--server", "unix:@x", "--limit", "core=x", "--", "true"},
       "--limit: \"core=x\" is not like"},
      {{"--server", "unix:@x", "--user", "no such", "--", "true"},
       "--user: there is no user no such"},
      {{"--server", "unix:@x", "--user", "4294967295", "--", "true"},
       "--user: 4294967295 is no user"},
      {{"--server", "unix:@fdrpc-no-launcher", "--", "true"}, "UNAVAILABLE"},
      {{"--server", "unix:@x", "--directory", "/none", "--", "true"}, "/none"},
      {{"--server", "unix:@x", "--fd", "999", "--", "true"}, "descriptor 999"},
      {{"--server", "tcp:1", "--", "true"}, "tcp"},
  };
  for (const auto& row : table) {
    std::vector<std::string> words = {FDRPC_RUN_PROGRAM};
    words.insert(words.end(), row.words.begin(), row.words.end());
    const Ending ending = testing::Run(words);
    EXPECT_EQ(ending.exit_status, 125);
    EXPECT_THAT(ending.errors, HasSubstr(row.error));
  }
}

}  // namespace
}  // namespace fdrpc::launcher
