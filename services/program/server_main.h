#ifndef FDRPC_SERVICES_PROGRAM_SERVER_MAIN_H_
#define FDRPC_SERVICES_PROGRAM_SERVER_MAIN_H_

#include <iostream>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/program/standard_streams.h"

namespace fdrpc::program {

// The main function of a server: the status with which it exits. `parse` gives
// the settings of its command line, or none for --help; `serve` blocks until
// the server has ended. Errors of both are printed after the program's name.
template <typename Settings>
int ServerMain(std::string_view name, std::string_view usage,
               absl::StatusOr<std::optional<Settings>> (*parse)(int, char**),
               absl::Status (*serve)(Settings), int argc, char** argv) {
  constexpr int kExitCannotServe = 1;
  constexpr int kExitUsage = 2;
  if (!OccupyStandardStreams()) return kExitCannotServe;
  absl::StatusOr<std::optional<Settings>> settings = parse(argc, argv);
  if (!settings.ok()) {
    std::cerr << name << ": " << settings.status().message() << "\nTry " << name
              << " --help\n";
    return kExitUsage;
  }
  if (!settings->has_value()) {
    std::cout << usage;
    return 0;
  }
  const absl::Status status = serve(**std::move(settings));
  if (status.ok()) return 0;
  std::cerr << name << ": " << status.message() << "\n";
  return kExitCannotServe;
}

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_SERVER_MAIN_H_
