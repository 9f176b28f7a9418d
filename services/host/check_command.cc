#include "services/host/check_command.h"

#include <unistd.h>

#include <iostream>
#include <string>

#include "absl/status/statusor.h"
#include "services/host/config.h"
#include "services/host/host_settings.h"
#include "services/host/log_directory.h"
#include "services/program/command_line.h"

namespace fdrpc::host {
namespace {

using program::CommandLine;

constexpr char kCheckUsage[] =
    R"(usage: fdrpc-host check DIRECTORY [--log-directory DIR]

Reads every NAME.textproto of the directory, as "fdrpc-host run" does, and
prints "NAME: ok", or to standard error each thing that is wrong, with its file
and line. Run it as the user that the host runs as. It starts nothing.

  --log-directory DIR  that of the host: as root, whether only root may write
                       to it
  --help               prints this

Exit status: 0 if all are good, 1 if not, 2 if it is used wrongly.
)";

}  // namespace

int CheckCommand(int argc, char** argv) {
  const absl::StatusOr<CommandLine> line =
      CommandLine::Parse(argc, argv,
                         {{"help", CommandLine::Arity::kFlag},
                          {"log-directory", CommandLine::Arity::kOnce}});
  if (line.ok() && line->Has("help")) {
    std::cout << kCheckUsage;
    return 0;
  }
  if (!line.ok() || line->operands().size() != 1) {
    std::cerr << "fdrpc-host check: "
              << (line.ok() ? "it takes one directory"
                            : std::string(line.status().message()))
              << "\nTry fdrpc-host check --help\n";
    return 2;
  }
  const Configuration configuration =
      ReadConfiguration(line->operands().front());
  for (const HostedService& service : configuration.services) {
    std::cout << service.name << ": ok\n";
  }
  std::cout.flush();
  for (const std::string& error : configuration.errors) {
    std::cerr << error << "\n";
  }
  // An empty one is none, as for the host.
  const absl::StatusOr<std::string> directory =
      AbsolutePath(line->Get("log-directory").value_or(""));
  absl::Status logs = directory.status();
  if (logs.ok() && !directory->empty() && geteuid() == 0) {
    logs = CheckLogDirectory(*directory, 0);
  }
  if (!logs.ok()) std::cerr << "fdrpc-host: " << logs.message() << "\n";
  const bool is_good = configuration.errors.empty() && logs.ok();
  return is_good && std::cout.good() ? 0 : 1;
}

}  // namespace fdrpc::host
