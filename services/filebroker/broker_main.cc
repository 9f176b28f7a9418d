// fdrpc-filebroker: serves fdrpc.filebroker.v1.FileBroker.
#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/server.h"
#include "services/filebroker/file_broker_service.h"
#include "services/filebroker/root_directory.h"
#include "services/program/command_line.h"
#include "services/program/serve.h"
#include "services/program/server_line.h"
#include "services/program/server_main.h"

namespace fdrpc::filebroker {
namespace {

using program::CommandLine;
using program::ParseServerLine;
using program::ParseTime;
using program::ServerLine;

constexpr char kUsage[] =
    R"(usage: fdrpc-filebroker --root DIR --listen ADDRESS [OPTION]...

Opens files beneath DIR, with its own rights, for every program that can connect
to ADDRESS. Paths and symbolic links that leave DIR are refused. fdrpc-open is a
client.

  --listen ADDRESS     unix:/path, unix:relative-path or unix:@abstract-name, or
                       the same with unix-seqpacket: or unix-dgram:; may be given
                       several times. To connect takes write permission on the
                       socket's file; an abstract name has none, and every
                       program of the network namespace can connect.
                       Or sockets that are there: systemd:NAME those of a .socket
                       unit with that FileDescriptorName=, systemd: all that the
                       service manager has passed, fd:N an inherited descriptor.
  --socket-mode MODE   permissions of the socket files, in octal, such as 0666;
                       without it, what the umask leaves
  --read-only          opens files for reading only
  --idle-timeout TIME  exits when no call has come for so long: 500ms, 30s, 5m
  --help               prints this

Prints "listening on ADDRESS" for each unix: address once clients can connect,
and tells the service manager, if there is one (NOTIFY_SOCKET). SIGTERM or SIGINT
lets calls in progress end, removes the socket files and exits. A broker that was
passed nothing but connections exits when the last one has ended.

Exit status: 0 after it has served, 1 if it cannot, 2 if it is used wrongly.
)";

struct Settings {
  std::string root;
  program::ListenSettings listen;
  bool read_only = false;
  absl::Duration idle_timeout = absl::InfiniteDuration();
};

// Empty for --help.
absl::StatusOr<std::optional<Settings>> ParseSettings(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  absl::StatusOr<std::optional<ServerLine>> line =
      ParseServerLine(argc, argv,
                      {{"root", Arity::kOnce},
                       {"read-only", Arity::kFlag},
                       {"idle-timeout", Arity::kOnce}});
  if (!line.ok()) return line.status();
  if (!line->has_value()) return std::nullopt;
  const CommandLine& options = (*line)->options;
  Settings settings;
  settings.root = options.Get("root").value_or("");
  settings.listen = std::move((*line)->listen);
  settings.read_only = options.Has("read-only");
  if (settings.root.empty()) {
    return absl::InvalidArgumentError("--root DIR is missing");
  }
  if (const auto text = options.Get("idle-timeout"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = ParseTime(*text);
    if (!time.ok()) return time.status();
    settings.idle_timeout = *time;
  }
  return settings;
}

absl::Status Serve(Settings settings) {
  absl::StatusOr<RootDirectory> root = RootDirectory::Create(settings.root);
  if (!root.ok()) return root.status();
  FileBrokerService broker(*std::move(root), {.read_only = settings.read_only});

  program::HoldStopSignals();
  // A request is little more than a path.
  Server server({.max_request_bytes = 64u << 10,
                 .max_request_descriptors = 0,
                 .max_held_bytes_per_connection = 1u << 20,
                 .idle_timeout = settings.idle_timeout,
                 .notify_service_manager = true});
  server.AddService(broker);
  return program::ServeUntilStopped(server, settings.listen);
}

}  // namespace
}  // namespace fdrpc::filebroker

int main(int argc, char** argv) {
  return fdrpc::program::ServerMain(
      "fdrpc-filebroker", fdrpc::filebroker::kUsage,
      fdrpc::filebroker::ParseSettings, fdrpc::filebroker::Serve, argc, argv);
}
