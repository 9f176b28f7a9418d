#include "tests/services/launcher/launcher.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

Launcher::Launcher(const std::vector<std::string>& options) {
  dir_.OpenToAll();
  auto [read_end, write_end] = Pipe();
  std::vector<std::string> words = {FDRPC_LAUNCHER_PROGRAM, "--socket-mode",
                                    "0666"};
  for (const char* scheme : kSchemes) {
    words.insert(words.end(), {"--listen", address(scheme)});
  }
  words.insert(words.end(), options.begin(), options.end());
  program_.emplace(words, ProgramOptions{.standard_output = write_end.get()});
  write_end.Reset();
  for (const char* scheme : kSchemes) {
    EXPECT_EQ(Program::ReadLine(read_end.get()),
              "listening on " + address(scheme));
  }
  // Stays open while it runs, like a script's pipe.
  output_ = std::move(read_end);
}

Ending Launcher::Stop(int signal) {
  program_->Signal(signal);
  return program_->Wait();
}

Parcel<launcher::v1::LaunchRequest> Script(const std::string& script,
                                           int output) {
  Parcel<launcher::v1::LaunchRequest> request;
  for (const char* word : {"sh", "-c", script.c_str()}) {
    request->add_arguments(word);
  }
  if (output >= 0) Give(request, output, 1);
  return request;
}

void Give(Parcel<launcher::v1::LaunchRequest>& request, int fd,
          uint32_t number) {
  launcher::v1::Descriptor& descriptor = *request->add_descriptors();
  descriptor.set_number(number);
  request.Attach(descriptor.mutable_file(),
                 UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)));
}

std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  const std::string process = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(process)) {
    std::ifstream file(task.path() / "children");
    for (pid_t child; file >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace fdrpc::testing
