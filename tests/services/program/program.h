#ifndef FDRPC_TESTS_SERVICES_PROGRAM_PROGRAM_H_
#define FDRPC_TESTS_SERVICES_PROGRAM_PROGRAM_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "fdrpc/unique_fd.h"

namespace fdrpc::testing {

// How a program ended, and what it printed.
struct Ending {
  std::optional<int> exit_status;  // none: a signal ended it
  int signal = 0;
  std::string output;
  std::string errors;
};

struct ProgramOptions {
  std::string input = {};  // on its standard input
  // Replace that and the captured output, if not negative; borrowed until the
  // program starts.
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
};

// A child process that runs a program. The constructor starts it, and the
// destructor kills it if it still runs; it dies with the thread that starts it.
class Program {
 public:
  explicit Program(const std::vector<std::string>& words,
                   ProgramOptions options = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;
  // Blocks until it has ended.
  Ending Wait();
  // The next line of a program whose standard output or error is `read_end` of
  // a pipe, without the newline; blocks until it arrives. Empty at the end.
  static std::string ReadLine(int read_end);

 private:
  pid_t pid_ = -1;
  UniqueFd output_;
  UniqueFd errors_;
};

// Runs a program from start to end.
Ending Run(const std::vector<std::string>& words, ProgramOptions options = {});

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_PROGRAM_PROGRAM_H_
