#include "tests/services/program/program.h"

#include <fcntl.h>
#include <sys/prctl.h>
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

// In the child: only what is safe after a fork of a process with threads.
[[noreturn]] void Execute(const std::vector<const char*>& argv,
                          const int (&streams)[3], int failure) {
  // If the test is killed, nobody else would end the program.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int number = 0; number < 3; ++number) dup2(streams[number], number);
  execvp(argv[0], const_cast<char* const*>(argv.data()));
  const int error = errno;
  (void)!write(failure, &error, sizeof(error));
  _exit(127);
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
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  auto [failure, tell_failure] = Pipe();
  pid_ = fork();
  if (pid_ == 0) Execute(argv, {input, output, errors}, tell_failure.get());
  tell_failure.Reset();
  int error = 0;
  // Closed by exec(2): from then on it is the program that runs.
  if (read(failure.get(), &error, sizeof(error)) > 0) {
    Wait();
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
