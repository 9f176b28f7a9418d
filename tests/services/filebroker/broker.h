#ifndef FDRPC_TESTS_SERVICES_FILEBROKER_BROKER_H_
#define FDRPC_TESTS_SERVICES_FILEBROKER_BROKER_H_

#include <memory>
#include <string>
#include <vector>

#include "fdrpc/unique_fd.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"

namespace fdrpc::testing {

// fdrpc-filebroker as a separate process, with a tree.
class Broker {
 public:
  // Starts it, and blocks until it says that it listens.
  // `before` are words in front of it.
  explicit Broker(const Tree& tree, std::vector<std::string> addresses,
                  const std::vector<std::string>& options = {},
                  const std::vector<std::string>& before = {});

  // Its output when it was ready, with a line for each address.
  const std::vector<std::string>& ready_lines() const { return ready_lines_; }
  Program& program() { return *program_; }
  // Sends the signal, and blocks until the process has ended.
  Ending Stop(int signal);

 private:
  UniqueFd output_;
  std::unique_ptr<Program> program_;
  std::vector<std::string> ready_lines_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_FILEBROKER_BROKER_H_
