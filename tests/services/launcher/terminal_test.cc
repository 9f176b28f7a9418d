// fdrpc-run in a terminal, which this test plays.
#include <pty.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/launcher/launcher.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/time_limit.h"

namespace fdrpc::launcher {
namespace {

using ::testing::HasSubstr;

class TerminalTest : public ::testing::Test {
 protected:
  ~TerminalTest() override {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    testing::ExitCode(pid_);
  }
  // Starts fdrpc-run with the script in a terminal of its own. `start` runs it
  // as a shell does, or becomes it.
  void Start(
      const std::string& script,
      const std::function<void(char**)>& start = [](char** words) {
        execv(words[0], words);
      }) {
    const std::string address = launcher_.address();
    std::vector<const char*> words = {
        FDRPC_RUN_PROGRAM, "--server", address.c_str(), "--", "sh", "-c",
        script.c_str(),    nullptr};
    const winsize size = {
        .ws_row = 33, .ws_col = 77, .ws_xpixel = 0, .ws_ypixel = 0};
    int master = -1;
    pid_ = forkpty(&master, nullptr, nullptr, &size);
    if (pid_ == 0) {
      alarm(testing::kTimeLimitSeconds);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      start(const_cast<char**>(words.data()));
      _exit(99);
    }
    terminal_ = UniqueFd(master);
  }
  void Type(const std::string& keys) {
    ASSERT_EQ(write(terminal_.get(), keys.data(), keys.size()),
              static_cast<ssize_t>(keys.size()));
  }
  // What appears up to `text`; all of it if that does not appear.
  std::string ReadUntil(const std::string& text) {
    std::string all;
    char next;
    while (all.find(text) == std::string::npos &&
           read(terminal_.get(), &next, 1) == 1) {
      all += next;
    }
    return all;
  }
  // Until fdrpc-run has taken the terminal, which it does when the command has
  // started: keys before that are the terminal's own.
  void AwaitRaw() {
    termios modes;
    do {
      sched_yield();
      ASSERT_EQ(tcgetattr(terminal_.get(), &modes), 0);
    } while ((modes.c_lflag & ICANON) != 0);
  }
  std::string ReadAll() { return ReadUntil("no such text"); }
  int ExitCode() { return testing::ExitCode(std::exchange(pid_, -1)); }

  testing::ExpectSameDescriptors census_;
  testing::Launcher launcher_;
  UniqueFd terminal_;
  pid_t pid_ = -1;
};

TEST_F(TerminalTest, TheCommandHasATerminalOfItsOwn) {
  Start("test -t 0 && test -t 1 && test -t 2 && echo here > /dev/tty; exit 9");
  EXPECT_EQ(ReadAll(), "here\r\n");
  EXPECT_EQ(ExitCode(), 9);
}

TEST_F(TerminalTest, InputReachesTheCommand) {
  Start("read line; echo \"<$line>\"");
  Type("words\n");
  EXPECT_THAT(ReadAll(), HasSubstr("<words>\r\n"));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(TerminalTest, EndOfFileIsAKey) {
  Start("echo ready; cat; echo end");
  ReadUntil("ready\r\n");
  AwaitRaw();
  Type("\x04");
  EXPECT_THAT(ReadAll(), HasSubstr("end\r\n"));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(TerminalTest, HasTheSizeOfTheTerminalAndLearnsOfANewOne) {
  Start(std::string("trap 'stty size; exit 0' WINCH; stty size; echo ready; ") +
        testing::kUntilInputEnds);
  EXPECT_THAT(ReadUntil("ready\r\n"), HasSubstr("33 77\r\n"));
  const winsize size = {
      .ws_row = 44, .ws_col = 88, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(ioctl(terminal_.get(), TIOCSWINSZ, &size), 0);
  EXPECT_THAT(ReadAll(), HasSubstr("44 88\r\n"));
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(TerminalTest, KeysInterruptTheCommand) {
  Start(std::string("trap 'echo interrupted; exit 3' INT; echo ready; ") +
        testing::kUntilInputEnds);
  ReadUntil("ready\r\n");
  AwaitRaw();
  Type("\x03");
  EXPECT_THAT(ReadAll(), HasSubstr("interrupted\r\n"));
  EXPECT_EQ(ExitCode(), 3);
}

TEST_F(TerminalTest, DiesOfTheSignalOfAKey) {
  Start("exec cat");
  AwaitRaw();
  // The terminal's echo, and cat's: not the shell any more, which may forget
  // the key when it starts a program.
  Type("ready\n");
  ReadUntil("ready\r\nready\r\n");
  Type("\x03");
  ReadAll();
  EXPECT_EQ(ExitCode(), -SIGINT);
}

TEST_F(TerminalTest, WhatWasWrittenLastAppears) {
  Start("head -c 200000 /dev/zero | tr '\\0' x; echo last");
  const std::string all = ReadAll();
  EXPECT_EQ(all.size(), 200'006u);
  EXPECT_THAT(all.substr(all.size() - 6), "last\r\n");
  EXPECT_EQ(ExitCode(), 0);
}

TEST_F(TerminalTest, ACommandThatDoesNotReadGetsAllInputLater) {
  Start(
      "stty raw -echo; echo ready; read -r go < /dev/tty; head -c 30000 | "
      "wc -c");
  ReadUntil("ready");
  AwaitRaw();
  Type("go\n");
  for (int i = 0; i < 30; ++i) Type(std::string(1000, 'x'));
  EXPECT_THAT(ReadAll(), HasSubstr("30000"));
  EXPECT_EQ(ExitCode(), 0);
}

// As a shell with job control runs it: in the foreground, until it stops, and
// then again.
void RunAsJob(char** words) {
  signal(SIGTTOU, SIG_IGN);
  const pid_t job = fork();
  if (job == 0) {
    setpgid(0, 0);
    tcsetpgrp(STDIN_FILENO, getpid());
    signal(SIGTTOU, SIG_DFL);
    execv(words[0], words);
    _exit(98);
  }
  int status = 0;
  for (int stops = 0; waitpid(job, &status, WUNTRACED) == job; ++stops) {
    if (!WIFSTOPPED(status)) break;
    termios modes;
    tcgetattr(STDIN_FILENO, &modes);
    const bool restored = (modes.c_lflag & ICANON) != 0;
    dprintf(STDOUT_FILENO, "stop %d: %s\n", stops,
            restored ? "restored" : "raw");
    tcsetpgrp(STDIN_FILENO, job);
    kill(-job, SIGCONT);
  }
  tcsetpgrp(STDIN_FILENO, getpid());
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 97);
}

TEST_F(TerminalTest, TheSuspendKeyStopsItAndItContinues) {
  Start("echo ready; read -r line; echo \"<$line>\"; exit 4", RunAsJob);
  ReadUntil("ready\r\n");
  AwaitRaw();
  Type("\x1a");
  EXPECT_THAT(ReadUntil("\n"), HasSubstr("stop 0: restored"));
  Type("words\n");
  EXPECT_THAT(ReadUntil(">\r\n"), HasSubstr("<words>"));
  ReadAll();
  EXPECT_EQ(ExitCode(), 4);
}

TEST_F(TerminalTest, TheTerminalIsRestoredWhateverTheEnd) {
  for (const char* script : {"exit 0", "kill -KILL $$", "stty raw -echo",
                             "stty raw; kill -TERM $$"}) {
    Start(std::string("echo ready; ") + script, [](char** words) {
      const pid_t job = fork();
      if (job == 0) {
        execv(words[0], words);
        _exit(98);
      }
      waitpid(job, nullptr, 0);
      termios modes;
      tcgetattr(STDIN_FILENO, &modes);
      _exit((modes.c_lflag & ICANON) != 0 ? 0 : 1);
    });
    ReadAll();
    EXPECT_EQ(ExitCode(), 0) << script;
  }
}

}  // namespace
}  // namespace fdrpc::launcher
