#include "tests/services/filebroker/broker.h"

#include "tests/support/files.h"

namespace fdrpc::testing {

Broker::Broker(const Tree& tree, std::vector<std::string> addresses,
               const std::vector<std::string>& options,
               const std::vector<std::string>& before) {
  auto [read_end, write_end] = Pipe();
  std::vector<std::string> words = before;
  words.insert(words.end(), {FDRPC_FILEBROKER_PROGRAM, "--root", tree.path()});
  for (const std::string& address : addresses) {
    words.insert(words.end(), {"--listen", address});
  }
  words.insert(words.end(), options.begin(), options.end());
  program_ = std::make_unique<Program>(
      words, ProgramOptions{.standard_output = write_end.get()});
  write_end.Reset();
  for (size_t i = 0; i < addresses.size(); ++i) {
    ready_lines_.push_back(Program::ReadLine(read_end.get()));
  }
  // Stays open while it runs, like a script's pipe.
  output_ = std::move(read_end);
}

Ending Broker::Stop(int signal) {
  program_->Signal(signal);
  return program_->Wait();
}

}  // namespace fdrpc::testing
