#include "tests/services/program/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

// Every write goes to its end. The kernel does not lock the offset of a memfd
// (it has no FMODE_ATOMIC_POS), so without O_APPEND two threads of the program
// that print at the same time could write over each other.
UniqueFd Captured() {
  UniqueFd file = FileWith("");
  EXPECT_EQ(fcntl(file.get(), F_SETFL, O_APPEND), 0);
  return file;
}

}  // namespace

Program::Program(const std::vector<std::string>& words, ProgramOptions options)
    : output_(Captured()), errors_(Captured()) {
  const UniqueFd text = FileWith(options.input);
  const int input =
      options.standard_input >= 0 ? options.standard_input : text.get();
  const int output =
      options.standard_output >= 0 ? options.standard_output : output_.get();
  const int errors =
      options.standard_error >= 0 ? options.standard_error : errors_.get();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  // If this process is killed, nobody else would end the program.
  std::vector<const char*> argv = {"setpriv", "--pdeathsig", "KILL", "--"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  const int error =
      posix_spawnp(&pid_, argv[0], &actions, nullptr,
                   const_cast<char* const*>(argv.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    pid_ = -1;
    ADD_FAILURE() << argv[0] << ": " << strerror(error);
  }
}

Program::~Program() {
  if (pid_ < 0) return;
  Signal(SIGKILL);
  Wait();
}

void Program::Signal(int signal) const {
  // Never kill(-1), which means every process.
  if (pid_ > 0) kill(pid_, signal);
}

Ending Program::Wait() {
  Ending ending;
  if (pid_ < 0) return ending;
  int status = 0;
  pid_t waited;
  do {
    waited = waitpid(pid_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  EXPECT_EQ(waited, pid_);
  pid_ = -1;
  if (WIFEXITED(status)) ending.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ending.signal = WTERMSIG(status);
  // The child, which has written, shares the offset.
  lseek(output_.get(), 0, SEEK_SET);
  lseek(errors_.get(), 0, SEEK_SET);
  ending.output = ReadRest(output_.get());
  ending.errors = ReadRest(errors_.get());
  return ending;
}

std::string Program::ReadLine(int read_end) {
  std::string line;
  char next;
  while (read(read_end, &next, 1) == 1 && next != '\n') line += next;
  return line;
}

Ending Run(const std::vector<std::string>& words, ProgramOptions options) {
  return Program(words, std::move(options)).Wait();
}

}  // namespace fdrpc::testing
