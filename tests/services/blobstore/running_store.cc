#include "tests/services/blobstore/running_store.h"

#include <utility>

#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

RunningStore::RunningStore(const std::string& address,
                           const std::vector<std::string>& options,
                           std::vector<std::string> before)
    : address_(address) {
  auto [read_end, write_end] = Pipe();
  std::vector<std::string> words = std::move(before);
  words.insert(words.end(), {FDRPC_BLOBSTORE_PROGRAM, "--listen", address});
  words.insert(words.end(), options.begin(), options.end());
  program_ = std::make_unique<Program>(
      words, ProgramOptions{.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(Program::ReadLine(read_end.get()), "listening on " + address);
  // Stays open while it runs, like a script's pipe.
  output_ = std::move(read_end);
}

Ending RunningStore::Stop(int signal) {
  program_->Signal(signal);
  return program_->Wait();
}

std::vector<std::string> RunningStore::BlobWords(
    const std::vector<std::string>& words) const {
  std::vector<std::string> all = {FDRPC_BLOB_PROGRAM, "--server", address_};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

Ending RunningStore::RunBlob(const std::vector<std::string>& words,
                             ProgramOptions options) const {
  return Run(BlobWords(words), std::move(options));
}

}  // namespace fdrpc::testing
