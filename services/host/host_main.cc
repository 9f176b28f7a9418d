// fdrpc-host: hosts services.
#include <iostream>
#include <string_view>

#include "services/host/check_command.h"
#include "services/host/run_command.h"
#include "services/host/units_command.h"
#include "services/program/standard_streams.h"

namespace fdrpc::host {
namespace {

constexpr char kUsage[] =
    R"(usage: fdrpc-host COMMAND …

  run --config DIRECTORY [--control ADDRESS] [--socket-mode MODE]
      [--log-directory DIRECTORY] [--hang-timeout TIME]
                       hosts the services of a configuration
  check DIRECTORY [--log-directory DIRECTORY]
                       says what is wrong with the configuration of services
  units DIRECTORY --output DIRECTORY|-
                       writes the systemd units that run the same services

fdrpc-host COMMAND --help explains each. fdrpc-hostctl controls what runs.
)";

int Main(int argc, char** argv) {
  if (!program::OccupyStandardStreams()) return 1;
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "run") return RunCommand(argc - 1, argv + 1);
  if (command == "serve") return ServeCommand(argc - 1, argv + 1);
  if (command == "check") return CheckCommand(argc - 1, argv + 1);
  if (command == "units") return UnitsCommand(argc - 1, argv + 1);
  if (command == "--help") {
    std::cout << kUsage;
    return 0;
  }
  std::cerr << "fdrpc-host: "
            << (command.empty() ? "the command is missing"
                                : "there is no command ")
            << command << "\nTry fdrpc-host --help\n";
  return 2;
}

}  // namespace
}  // namespace fdrpc::host

int main(int argc, char** argv) { return fdrpc::host::Main(argc, argv); }
