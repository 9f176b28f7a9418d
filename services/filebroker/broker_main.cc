// fdrpc-filebroker: serves fdrpc.filebroker.v1.FileBroker.
#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/server.h"
#include "services/filebroker/audit_log.h"
#include "services/filebroker/directory_server.h"
#include "services/filebroker/file_broker_service.h"
#include "services/filebroker/root_policy.h"
#include "services/process/user_database.h"
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
       fdrpc-filebroker --user-root USER=DIR... --listen ADDRESS [OPTION]...

Opens files beneath DIR, with its own rights, for every program that can connect
to ADDRESS. Paths and symbolic links that leave DIR are refused. fdrpc-open is a
client.

  --root DIR           the directory
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
  --user-root USER=DIR gives that user, a name or a number, another root; may be
                       given several times. Without --root, other users are
                       refused
  --read-only          opens files for reading only, and changes no directory
  --user-read-only USER
                       the same for that user; may be given several times
  --audit FILE         appends a line for each operation to FILE: time, user,
                       process, operation, paths and outcome; - is standard
                       output. SIGHUP opens FILE anew
  --idle-timeout TIME  exits when no call has come for so long: 500ms, 30s, 5m
  --help               prints this

Prints "listening on ADDRESS" for each unix: address once clients can connect,
and tells the service manager, if there is one (NOTIFY_SOCKET). SIGTERM or SIGINT
lets calls in progress end, removes the socket files and exits. A broker that was
passed nothing but connections exits when the last one has ended.

Exit status: 0 after it has served, 1 if it cannot, 2 if it is used wrongly.
)";

struct Settings {
  RootPolicy::Options policy;
  std::string audit;
  program::ListenSettings listen;
  absl::Duration idle_timeout = absl::InfiniteDuration();
};

// "USER=DIR".
absl::Status AddUserRoot(const std::string& text, RootPolicy::Options& policy) {
  // A name has no "=", but a directory may have one.
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--user-root ", text, " is not of the form USER=DIR"));
  }
  const std::string user = text.substr(0, equals);
  const absl::StatusOr<uid_t> uid = process::UserNamed(user);
  if (!uid.ok()) {
    return absl::Status(
        uid.status().code(),
        absl::StrCat("--user-root ", text, ": ", uid.status().message()));
  }
  if (!policy.user_roots.emplace(*uid, text.substr(equals + 1)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("--user-root is given twice for user ", user));
  }
  return absl::OkStatus();
}

absl::Status ParsePolicy(const CommandLine& options,
                         RootPolicy::Options& policy) {
  policy.root = options.Get("root").value_or("");
  policy.read_only = options.Has("read-only");
  for (const std::string& text : options.GetAll("user-root")) {
    absl::Status added = AddUserRoot(text, policy);
    if (!added.ok()) return added;
  }
  for (const std::string& user : options.GetAll("user-read-only")) {
    const absl::StatusOr<uid_t> uid = process::UserNamed(user);
    if (!uid.ok()) {
      return absl::Status(uid.status().code(),
                          absl::StrCat("--user-read-only ", user, ": ",
                                       uid.status().message()));
    }
    policy.read_only_users.insert(*uid);
  }
  if (policy.root.empty() &&
      (policy.user_roots.empty() || options.Has("root"))) {
    return absl::InvalidArgumentError(
        "--root DIR is missing, or --user-root USER=DIR");
  }
  return absl::OkStatus();
}

// Empty for --help.
absl::StatusOr<std::optional<Settings>> ParseSettings(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  absl::StatusOr<std::optional<ServerLine>> line =
      ParseServerLine(argc, argv,
                      {{"root", Arity::kOnce},
                       {"user-root", Arity::kRepeated},
                       {"read-only", Arity::kFlag},
                       {"user-read-only", Arity::kRepeated},
                       {"audit", Arity::kOnce},
                       {"idle-timeout", Arity::kOnce}});
  if (!line.ok()) return line.status();
  if (!line->has_value()) return std::nullopt;
  const CommandLine& options = (*line)->options;
  Settings settings;
  settings.listen = std::move((*line)->listen);
  if (absl::Status policy = ParsePolicy(options, settings.policy);
      !policy.ok()) {
    return policy;
  }
  settings.audit = options.Get("audit").value_or("");
  if (options.Has("audit") && settings.audit.empty()) {
    return absl::InvalidArgumentError("--audit needs a FILE, or -");
  }
  if (const auto text = options.Get("idle-timeout"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = ParseTime(*text);
    if (!time.ok()) return time.status();
    settings.idle_timeout = *time;
  }
  return settings;
}

// The handler of SIGHUP has no argument.
std::atomic<AuditLog*> reopened_log{nullptr};

void ReopenAtHangup(AuditLog& log) {
  reopened_log.store(&log);
  struct sigaction action = {};
  action.sa_handler = [](int) {
    if (AuditLog* const log = reopened_log.load(); log != nullptr) {
      log->RequestReopening();
    }
  };
  action.sa_flags = SA_RESTART;
  sigaction(SIGHUP, &action, nullptr);
}

absl::Status Serve(Settings settings) {
  absl::StatusOr<RootPolicy> policy = RootPolicy::Create(settings.policy);
  if (!policy.ok()) return policy.status();
  std::unique_ptr<AuditLog> log;
  if (!settings.audit.empty()) {
    absl::StatusOr<std::unique_ptr<AuditLog>> opened =
        AuditLog::Create(settings.audit);
    if (!opened.ok()) return opened.status();
    log = *std::move(opened);
    ReopenAtHangup(*log);
  }

  program::HoldStopSignals();
  // A request is little more than a path.
  Server server({.max_request_bytes = 64u << 10,
                 .max_request_descriptors = 0,
                 .max_held_bytes_per_connection = 1u << 20,
                 .idle_timeout = settings.idle_timeout,
                 .notify_service_manager = true});
  server.AddService(std::make_unique<FileBrokerService>(
      *std::move(policy), DirectoryServer::Create(server, log.get())));
  absl::Status served = program::ServeUntilStopped(server, settings.listen);
  reopened_log.store(nullptr);
  return served;
}

}  // namespace
}  // namespace fdrpc::filebroker

int main(int argc, char** argv) {
  return fdrpc::program::ServerMain(
      "fdrpc-filebroker", fdrpc::filebroker::kUsage,
      fdrpc::filebroker::ParseSettings, fdrpc::filebroker::Serve, argc, argv);
}
