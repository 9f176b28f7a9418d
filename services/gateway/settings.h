#ifndef FDRPC_SERVICES_GATEWAY_SETTINGS_H_
#define FDRPC_SERVICES_GATEWAY_SETTINGS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/program/server_line.h"

namespace fdrpc::gateway {

extern const char kUsage[];

// What a command line of fdrpc-gateway says.
struct Settings {
  // Contents of files in PEM; empty if they are not given.
  struct Tls {
    std::string key;
    std::string certificate;
    std::string authorities;
  };

  program::ListenSettings listen;  // may be addresses of gRPC
  std::string to;
  bool to_is_local = false;    // to a socket of this machine, from gRPC
  std::optional<Tls> tls;      // none: --insecure
  std::string descriptor_set;  // a file's name; empty: by reflection
  absl::Duration timeout = absl::Seconds(30);
  bool wait_for_ready = false;
  absl::Duration drain_timeout = absl::Seconds(10);
};

// Empty for --help. INVALID_ARGUMENT says what is wrong.
absl::StatusOr<std::optional<Settings>> ParseSettings(int argc, char** argv);

}  // namespace fdrpc::gateway

#endif  // FDRPC_SERVICES_GATEWAY_SETTINGS_H_
