#ifndef FDRPC_TESTS_SERVICES_BLOBSTORE_RUNNING_STORE_H_
#define FDRPC_TESTS_SERVICES_BLOBSTORE_RUNNING_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "fdrpc/unique_fd.h"
#include "tests/services/program/program.h"

namespace fdrpc::testing {

// fdrpc-blobstore as a separate process.
class RunningStore {
 public:
  // Starts it, and blocks until it says that it listens. `before` are words
  // before the program, such as those of setpriv(1).
  explicit RunningStore(const std::string& address,
                        const std::vector<std::string>& options = {},
                        std::vector<std::string> before = {});

  Program& program() { return *program_; }
  // Sends the signal, and blocks until the process has ended.
  Ending Stop(int signal);
  // Runs fdrpc-blob with it from start to end.
  Ending RunBlob(const std::vector<std::string>& words,
                 ProgramOptions options = {}) const;
  // The words for that.
  std::vector<std::string> BlobWords(
      const std::vector<std::string>& words) const;

 private:
  const std::string address_;
  UniqueFd output_;
  std::unique_ptr<Program> program_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_BLOBSTORE_RUNNING_STORE_H_
