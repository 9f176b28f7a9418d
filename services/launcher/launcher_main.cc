// fdrpc-launcher: serves fdrpc.launcher.v1.Launcher.
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/server.h"
#include "fdrpc/unique_fd.h"
#include "services/launcher/launch_policy.h"
#include "services/launcher/launcher_service.h"
#include "services/process/event_loop.h"
#include "services/process/user_database.h"
#include "services/program/command_line.h"
#include "services/program/local_peers_only.h"
#include "services/program/serve.h"
#include "services/program/server_line.h"
#include "services/program/server_main.h"

namespace fdrpc::launcher {
namespace {

using process::EventLoop;
using program::CommandLine;
using program::ListenOnAll;
using program::ParseServerLine;
using program::SayThatItListens;
using program::ServerLine;

constexpr char kUsage[] =
    R"(usage: fdrpc-launcher --listen ADDRESS [OPTION]...

Starts processes for root and for its own user, if they can connect to ADDRESS.
The processes run as the launcher's user, unless root asks for another one.
fdrpc-run is a client.

  --listen ADDRESS     unix:/path, unix:relative-path or unix:@abstract-name, or
                       the same with unix-seqpacket: or unix-dgram:; may be given
                       several times. To connect takes write permission on the
                       socket's file; an abstract name has none.
                       Or sockets that are there: systemd:NAME those of a .socket
                       unit with that FileDescriptorName=, systemd: all that the
                       service manager has passed, fd:N an inherited descriptor.
  --socket-mode MODE   permissions of the socket files, in octal, such as 0666;
                       without it, what the umask leaves
  --allow USER         lets this user launch, too, a name or a number; may be
                       given several times. What it launches has the rights of
                       the launcher's user.
  --as-caller          each process runs as the user who launches it, with that
                       user's groups; the launcher must run as root
  --max-processes N    the most processes of one user at a time (1024)
  --help               prints this

Prints "listening on ADDRESS" for each unix: address once clients can connect,
and tells the service manager, if there is one (NOTIFY_SOCKET). SIGTERM or SIGINT
ends it: processes that live with their calls get SIGTERM, and SIGKILL ten
seconds later; the others go on.

Exit status: 0 after it has served, 1 if it cannot, 2 if it is used wrongly.
)";

struct Settings {
  program::ListenSettings listen;
  LaunchPolicy::Options policy;
  LaunchedProcesses::Options processes;
};

absl::Status ParsePolicy(const CommandLine& line, Settings& settings) {
  for (const std::string& user : line.GetAll("allow")) {
    const absl::StatusOr<uid_t> uid = process::UserNamed(user);
    if (!uid.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--allow: ", uid.status().message()));
    }
    settings.policy.allowed.push_back(*uid);
  }
  settings.policy.as_caller = line.Has("as-caller");
  if (const auto text = line.Get("max-processes"); text.has_value()) {
    size_t& most = settings.processes.max_running_per_user;
    if (!absl::SimpleAtoi(*text, &most) || most == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--max-processes ", *text, " is not a number from 1 on"));
    }
  }
  return absl::OkStatus();
}

// Empty for --help.
absl::StatusOr<std::optional<Settings>> ParseSettings(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  absl::StatusOr<std::optional<ServerLine>> line =
      ParseServerLine(argc, argv,
                      {{"allow", Arity::kRepeated},
                       {"as-caller", Arity::kFlag},
                       {"max-processes", Arity::kOnce}});
  if (!line.ok()) return line.status();
  if (!line->has_value()) return std::nullopt;
  const CommandLine& options = (*line)->options;
  Settings settings;
  settings.listen = std::move((*line)->listen);
  if (absl::Status valid = ParsePolicy(options, settings); !valid.ok()) {
    return valid;
  }
  return settings;
}

// Blocks these signals in all threads to come, for the loop to read: SIGCHLD,
// and those that end the launcher.
absl::StatusOr<UniqueFd> OpenSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT}) {
    sigaddset(&signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // If it were ignored, as a parent may have left it, nothing could be reaped.
  signal(SIGCHLD, SIG_DFL);
  // The reader of what is printed may be gone.
  signal(SIGPIPE, SIG_IGN);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.ok()) return absl::ErrnoToStatus(errno, "signalfd");
  return fd;
}

void OnSignals(int fd, LauncherService& launcher, Server& server) {
  signalfd_siginfo received;
  while (read(fd, &received, sizeof(received)) == sizeof(received)) {
    if (received.ssi_signo == SIGCHLD) {
      launcher.OnChildSignal();
    } else {
      server.Shutdown();
    }
  }
}

absl::Status Serve(Settings settings) {
  rlimit open_files = {};
  getrlimit(RLIMIT_NOFILE, &open_files);
  absl::StatusOr<LaunchPolicy> policy =
      LaunchPolicy::Create(std::move(settings.policy));
  if (!policy.ok()) return policy.status();
  const absl::StatusOr<UniqueFd> signals = OpenSignals();
  if (!signals.ok()) return signals.status();
  absl::StatusOr<EventLoop> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  LauncherService launcher(
      *loop, *std::move(policy),
      {.processes = settings.processes, .open_files = open_files});

  // As much as execve(2) takes by default, and as many descriptors as are
  // usual, a few times.
  Server server(
      {.max_request_bytes = 4u << 20,
       .max_request_descriptors = 256,
       .max_held_bytes_per_connection = 16u << 20,
       .notify_service_manager = true,
       .interceptors = {std::make_shared<program::LocalPeersOnly>()}});
  server.AddService(launcher);
  absl::Status status = ListenOnAll(server, settings.listen);
  if (!status.ok()) return status;
  status = server.Start(loop->loop());
  if (!status.ok()) return status;
  status = loop->Watch(signals->get(),
                       [&] { OnSignals(signals->get(), launcher, server); });
  if (!status.ok()) return status;
  SayThatItListens(settings.listen);
  // The server may also end by itself. It does not before all calls have, so
  // processes are killed and reaped until then.
  std::thread end([&] {
    server.Wait();
    Loop(loop->loop()).Post([&] { loop->Stop(); });
  });
  loop->Run();
  end.join();
  return absl::OkStatus();
}

}  // namespace
}  // namespace fdrpc::launcher

int main(int argc, char** argv) {
  return fdrpc::program::ServerMain("fdrpc-launcher", fdrpc::launcher::kUsage,
                                    fdrpc::launcher::ParseSettings,
                                    fdrpc::launcher::Serve, argc, argv);
}
