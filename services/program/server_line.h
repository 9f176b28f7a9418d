#ifndef FDRPC_SERVICES_PROGRAM_SERVER_LINE_H_
#define FDRPC_SERVICES_PROGRAM_SERVER_LINE_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/program/command_line.h"

namespace fdrpc::program {

// Where a server listens.
struct ListenSettings {
  std::vector<std::string> addresses;  // at least one
  std::optional<mode_t> socket_mode;
};

// The command line of a server, which takes options only: its own, and
// --listen ADDRESS, --socket-mode MODE and --help.
struct ServerLine {
  CommandLine options;
  ListenSettings listen;
};

// None for --help. INVALID_ARGUMENT names the wrong word.
absl::StatusOr<std::optional<ServerLine>> ParseServerLine(
    int argc, char** argv, absl::Span<const CommandLine::Option> options);

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_SERVER_LINE_H_
