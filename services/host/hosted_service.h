#ifndef FDRPC_SERVICES_HOST_HOSTED_SERVICE_H_
#define FDRPC_SERVICES_HOST_HOSTED_SERVICE_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "fdrpc/host/v1/config.pb.h"
#include "fdrpc/listen_options.h"
#include "services/process/process_spec.h"

namespace fdrpc::host {

struct HostedSocket {
  std::string address;  // as configured: its scheme is that of `type`
  std::string name;     // for LISTEN_FDNAMES
  int type = SOCK_STREAM;
  std::string path;           // absolute; empty if the name is abstract
  std::string abstract_name;  // without "@"
  ListenOptions options;      // of a path; with a mode
};

struct RestartPolicy {
  absl::Duration delay = absl::Milliseconds(100);
  absl::Duration max_delay = absl::Seconds(10);
  uint32_t max_failures = 10;
  absl::Duration stable_after = absl::Seconds(10);
};

struct LogSettings {
  v1::Log::Destination destination = v1::Log::DESTINATION_AUTOMATIC;
  uint64_t max_size = 10 << 20;  // in bytes
  uint32_t files = 4;            // besides the one that is written
};

// A service as its file configures it, checked, with all names and times
// resolved and all defaults filled in.
struct HostedService {
  std::string name;
  std::string file;          // its path
  v1::ServiceConfig config;  // as written
  // What is wrong with it by now. If this is not empty, nothing is started.
  std::string error;

  // Without descriptors, without the variables of sd_listen_fds(3) and
  // sd_notify(3), and without a descriptor of the working directory.
  process::ProcessSpec process;
  std::string working_directory = "/";
  int namespaces = 0;  // CLONE_NEWNET, …

  std::vector<HostedSocket> sockets;
  absl::Duration start_timeout = absl::Seconds(30);
  absl::Duration stop_timeout = absl::Seconds(20);
  absl::Duration idle_timeout = absl::InfiniteDuration();
  absl::Duration watchdog_timeout = absl::InfiniteDuration();
  RestartPolicy restart;
  LogSettings log;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HOSTED_SERVICE_H_
