#include "services/host/run_command.h"

#include <sys/resource.h>
#include <unistd.h>

#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/host/host_process.h"
#include "services/host/host_settings.h"
#include "services/host/keeper.h"
#include "services/host/log_directory.h"
#include "services/process/event_loop.h"
#include "services/program/serve.h"

namespace fdrpc::host {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr char kRunUsage[] =
    R"(usage: fdrpc-host run --config DIR [OPTION]...

Hosts the services that the files DIR/*.textproto describe: opens their sockets,
starts their processes, at the first client if they say no more, and starts them
again when they have failed. fdrpc-hostctl controls it.

  --config DIR          one file for each service; fdrpc-host check tries them
  --control ADDRESS     where fdrpc-hostctl reaches it: unix:/path,
                        unix:@abstract-name, or these with unix-seqpacket: or
                        unix-dgram:; without it, unix:/run/fdrpc-host.sock
  --socket-mode MODE    permissions of that socket's file, in octal (0600). Only
                        root and the host's user may control it in any case.
  --log-directory DIR   where the output of services goes that has no journal;
                        of a host that root runs, only root may write to it
  --hang-timeout TIME   a host process that does not answer for so long is
                        replaced, unless a signal or a debugger holds it; 60s,
                        inf: never
  --help                prints this

Prints "listening on ADDRESS" once it can be controlled, and tells the service
manager, if there is one (NOTIFY_SOCKET). SIGTERM or SIGINT ends all services and
then itself, and a second one, a second later or more, kills those that have not
ended by then; SIGHUP reads the configuration again; SIGUSR2 replaces the host
process by the program that is installed now, while services go on.

Exit status: 0 after it has hosted, 1 if it cannot, 2 if it is used wrongly.
)";

int Fail(const absl::Status& status) {
  std::cerr << "fdrpc-host: " << status.message() << "\n";
  return kExitFailed;
}

int FailUsage(absl::string_view why) {
  std::cerr << "fdrpc-host run: " << why << "\nTry fdrpc-host run --help\n";
  return kExitUsage;
}

absl::Status RunKeeper(HostSettings settings) {
  if (geteuid() == 0 && !settings.log_directory.empty()) {
    absl::Status safe = CheckLogDirectory(settings.log_directory, 0);
    if (!safe.ok()) return safe;
  }
  Keeper::Options options;
  options.arguments = settings.words;
  options.hang_timeout = settings.hang_timeout;
  options.on_first_serving = [address = settings.control] {
    program::SayThatItListens({.addresses = {address}, .socket_mode = {}});
  };
  // Before a server raises it.
  getrlimit(RLIMIT_NOFILE, &options.open_files);
  absl::StatusOr<process::EventLoop> loop = process::EventLoop::Create();
  if (!loop.ok()) return loop.status();
  return Keeper(*loop, std::move(options)).Run();
}

}  // namespace

int RunCommand(int argc, char** argv) {
  absl::StatusOr<HostSettings> settings = ParseHostSettings(argc, argv);
  if (!settings.ok()) return FailUsage(settings.status().message());
  if (settings->wants_help) {
    std::cout << kRunUsage;
    return 0;
  }
  if (!settings->keeper.empty()) {
    return FailUsage("there is no option --keeper");
  }
  const absl::Status status = RunKeeper(*std::move(settings));
  return status.ok() ? 0 : Fail(status);
}

int ServeCommand(int argc, char** argv) {
  absl::StatusOr<HostSettings> settings = ParseHostSettings(argc, argv);
  if (!settings.ok()) return FailUsage(settings.status().message());
  if (settings->keeper.empty()) {
    return FailUsage("serve is for fdrpc-host itself: use fdrpc-host run");
  }
  const absl::Status status = RunHostProcess(*std::move(settings));
  return status.ok() ? 0 : Fail(status);
}

}  // namespace fdrpc::host
