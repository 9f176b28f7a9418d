#ifndef FDRPC_TESTS_SERVICES_TOOL_RUNNING_CAPTURE_H_
#define FDRPC_TESTS_SERVICES_TOOL_RUNNING_CAPTURE_H_

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/program/program.h"
#include "tests/services/tool/run_tool.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// fdrpc capture, which listens for clients of a server.
class RunningCapture {
 public:
  // `scheme` as that of a LiveServer. `limits`: commands of bash before it.
  RunningCapture(const std::string& server, const std::string& scheme,
                 const std::vector<std::string>& more = {},
                 const std::string& limits = ":")
      : address_(scheme.ends_with('@') ? scheme + dir_.path()
                                       : dir_.address("relay", scheme)),
        file_(dir_.file("recording")),
        program_(Words(server, more, limits),
                 {.standard_output = output_.second.get()}) {
    output_.second = UniqueFd();
    // The socket is there.
    EXPECT_THAT(Program::ReadLine(output_.first.get()),
                ::testing::HasSubstr("records " + address_));
  }

  const std::string& address() const { return address_; }
  std::string path() const { return address_.substr(address_.find(':') + 1); }
  const std::string& file() const { return file_; }
  const TempDir& dir() const { return dir_; }
  pid_t pid() const { return program_.pid(); }

  Ending Stop() {
    program_.Signal(SIGTERM);
    return program_.Wait();
  }
  // What `fdrpc show` prints of the recording, after a good end.
  std::string StopAndShow(std::vector<std::string> options = {}) {
    const Ending ending = Stop();
    EXPECT_EQ(ending.exit_status, 0) << ending.errors;
    EXPECT_EQ(ending.errors, "");
    options.insert(options.begin(), {"show", file_});
    return Output(RunTool(std::move(options)));
  }

 private:
  std::vector<std::string> Words(const std::string& server,
                                 const std::vector<std::string>& more,
                                 const std::string& limits) {
    std::vector<std::string> words = {
        "/bin/bash", "-c",          limits + "; exec \"$@\"",
        "bash",      FDRPC_PROGRAM, "capture",
        server,      "--listen",    address_,
        "-o",        file_};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  const TempDir dir_;
  const std::string address_;
  const std::string file_;
  std::pair<UniqueFd, UniqueFd> output_ = Pipe();
  Program program_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_TOOL_RUNNING_CAPTURE_H_
