#include "services/host/units_command.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/host/config.h"
#include "services/host/systemd_units.h"
#include "services/program/command_line.h"

namespace fdrpc::host {
namespace {

using program::CommandLine;

constexpr char kUnitsUsage[] =
    R"(usage: fdrpc-host units DIRECTORY --output DIRECTORY|-

Writes the systemd units that run the services of the configuration directory
without fdrpc-host: NAME.service for each, and NAME.socket for its socket
(NAME-2.socket and so on for further ones). Comments in them say what systemd
does not do in the same way.

  --output DIRECTORY   where the files go, which must exist; files with these
                       names are replaced. "-" prints all of them
  --help               prints this

Exit status: 0 if all are written, 1 if a configuration is wrong or a file
cannot be written, 2 if it is used wrongly.
)";

absl::Status WriteUnit(const SystemdUnit& unit, const std::string& output) {
  if (output == "-") {
    std::cout << "# " << unit.name << "\n" << unit.text << "\n" << std::flush;
    if (std::cout.good()) return absl::OkStatus();
    return absl::ErrnoToStatus(errno, "standard output");
  }
  const std::string path = absl::StrCat(output, "/", unit.name);
  std::ofstream file(path);
  file << unit.text;
  file.close();
  if (file.good()) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, path);
}

absl::Status WriteAllUnits(const std::string& directory,
                           const std::string& output) {
  const absl::StatusOr<std::vector<HostedService>> services =
      LoadConfiguration(directory);
  if (!services.ok()) return services.status();
  for (const HostedService& service : *services) {
    for (const SystemdUnit& unit : SystemdUnitsOf(service)) {
      if (absl::Status written = WriteUnit(unit, output); !written.ok()) {
        return absl::Status(written.code(), absl::StrCat("fdrpc-host units: ",
                                                         written.message()));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

int UnitsCommand(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  const absl::StatusOr<CommandLine> line = CommandLine::Parse(
      argc, argv, {{"output", Arity::kOnce}, {"help", Arity::kFlag}});
  if (line.ok() && line->Has("help")) {
    std::cout << kUnitsUsage;
    return 0;
  }
  std::string wrong;
  if (!line.ok()) {
    wrong = std::string(line.status().message());
  } else if (line->operands().size() != 1) {
    wrong = "it takes one configuration directory";
  } else if (!line->Has("output")) {
    wrong = "--output DIRECTORY is missing; - prints the units";
  }
  if (!wrong.empty()) {
    std::cerr << "fdrpc-host units: " << wrong
              << "\nTry fdrpc-host units --help\n";
    return 2;
  }
  const absl::Status status =
      WriteAllUnits(line->operands().front(), *line->Get("output"));
  if (status.ok()) return 0;
  std::cerr << status.message() << "\n";
  return 1;
}

}  // namespace fdrpc::host
