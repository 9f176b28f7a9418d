// fdrpc: looks at fdrpc servers, and calls them.
#include <csignal>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/program/command_line.h"
#include "services/program/standard_streams.h"
#include "services/tool/command.h"
#include "services/tool/exit_status.h"

namespace fdrpc::tool {
namespace {

using program::CommandLine;

int Main(int argc, char** argv) {
  if (!program::OccupyStandardStreams()) return kExitFailed;
  // A reader of the output that ends early ends this program, but a pipe that
  // is fed must not.
  signal(SIGPIPE, SIG_IGN);
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "help" || name == "--help" || name == "-h") {
    const Command* about = argc > 2 ? FindCommand(argv[2]) : nullptr;
    std::cout << (about != nullptr ? HelpOf(*about) : Help());
    return kExitOk;
  }
  const Command* command = FindCommand(name);
  if (command == nullptr) {
    return FailUsage(absl::InvalidArgumentError(absl::StrCat(
        name.empty() ? "the command is missing"
                     : absl::StrCat("there is no command ", std::string(name)),
        "; fdrpc help lists them")));
  }
  std::vector<CommandLine::Option> options;
  for (const Command::Option& option : command->options) {
    options.push_back(option.option);
  }
  options.push_back({"help", CommandLine::Arity::kFlag, 'h'});
  const absl::StatusOr<CommandLine> line =
      CommandLine::Parse(argc - 1, argv + 1, options);
  if (!line.ok()) {
    return FailUsage(absl::InvalidArgumentError(
        absl::StrCat(std::string(name), ": ", line.status().message(),
                     "; try fdrpc ", std::string(name), " --help")));
  }
  if (line->Has("help")) {
    std::cout << HelpOf(*command);
    return kExitOk;
  }
  const int status = command->run(*line);
  std::cout.flush();
  if (!std::cout) {
    return Fail(absl::DataLossError("standard output cannot be written"));
  }
  return status;
}

}  // namespace
}  // namespace fdrpc::tool

int main(int argc, char** argv) { return fdrpc::tool::Main(argc, argv); }
