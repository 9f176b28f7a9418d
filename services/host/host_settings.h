#ifndef FDRPC_SERVICES_HOST_HOST_SETTINGS_H_
#define FDRPC_SERVICES_HOST_HOST_SETTINGS_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace fdrpc::host {

inline constexpr char kDefaultControl[] = "unix:/run/fdrpc-host.sock";

// The path from the working directory, without "." and "..". An empty one stays
// empty. Fails if there is no working directory any more.
absl::StatusOr<std::string> AbsolutePath(const std::string& path);

// The options of fdrpc-host run, and of the host process that it starts.
struct HostSettings {
  std::string config;  // a directory
  std::string control = kDefaultControl;
  std::string log_directory;  // may be empty
  mode_t socket_mode = 0600;
  absl::Duration hang_timeout = absl::Seconds(60);  // may be infinite
  std::string keeper;  // of the host process: its connection
  bool wants_help = false;
  // All but `keeper`, with absolute paths.
  std::vector<std::string> words;
};

// argv[0] is the command. INVALID_ARGUMENT names the wrong word.
absl::StatusOr<HostSettings> ParseHostSettings(int argc, char** argv);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOST_SETTINGS_H_
