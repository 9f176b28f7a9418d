// fdrpc-open: a client of fdrpc.filebroker.v1.FileBroker.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/directory_commands.h"
#include "services/program/command_line.h"
#include "services/program/copy.h"
#include "services/program/standard_streams.h"

namespace fdrpc::filebroker {
namespace {

using program::CommandLine;
using program::Copy;
using program::OccupyStandardStreams;
using program::ParsePermissions;
using program::ParseTime;

constexpr char kUsage[] =
    R"(usage: fdrpc-open --server ADDRESS [OPTION]... FILE
       fdrpc-open --server ADDRESS [OPTION]... FILE [--fd N] -- COMMAND [ARGUMENT]...
       fdrpc-open --server ADDRESS [OPTION]... --list DIR
       fdrpc-open --server ADDRESS [OPTION]... --watch DIR
       fdrpc-open --server ADDRESS [OPTION]... --rename [--no-replace] FROM TO
       fdrpc-open --server ADDRESS [OPTION]... --unlink [--directory] PATH
       fdrpc-open --server ADDRESS [OPTION]... --make-directory PATH

Has the file broker at ADDRESS open FILE, a path relative to the broker's root,
and then uses the descriptor that comes back: copies the file to standard output,
or standard input to the file, or runs COMMAND with it as descriptor N. Or lists
a directory (kind, bytes and name of each entry), prints "watching" and then what
happens in one, renames, removes, or makes a directory.

  --server ADDRESS     as the broker was given it: unix:PATH, unix:@NAME, the
                       same with unix-seqpacket: or unix-dgram:, or fd:NUMBER, a
                       connected socket that was inherited
  --mode MODE          read (if not given), write, append, or, with a COMMAND,
                       read-write
  --create             creates the file if there is none
  --exclusive          creates the file, and fails if there is one
  --truncate           empties the file
  --permissions MODE   of a file that is created, in octal (0600)
  --fd N               the descriptor's number in COMMAND (3)
  --no-replace         fails if there is something named TO
  --directory          PATH is an empty directory
  --timeout TIME       how long a call may take, other than --list and --watch:
                       500ms, 5s, 1m, inf (10s)
  --wait               waits, as long as that, for a broker that is not there yet
  --help               prints this

Exit status: COMMAND's, or
  0       the file was copied, or it is done
  1       reading or writing failed
  2       fdrpc-open is used wrongly
  126     COMMAND could not be run
  127     COMMAND was not found
  10 + S  the broker, or the way to it, failed with status number S: 15 is
          NOT_FOUND, 17 PERMISSION_DENIED, 24 UNAVAILABLE, …
)";

constexpr int kExitCopyFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitCannotRun = 126;
constexpr int kExitNoCommand = 127;
constexpr int kExitStatusBase = 10;

struct Settings {
  std::string server;
  v1::OpenRequest request;
  CallOptions call;
  bool to_file = false;      // copy to it, not from it
  char** command = nullptr;  // null: copy
  int command_fd = 3;
  std::optional<DirectoryCommand> directory;  // instead of all that
};

absl::Status ParseMode(const std::string& mode, Settings& settings) {
  v1::OpenRequest& request = settings.request;
  if (mode == "read") {
    request.set_access(v1::ACCESS_READ);
  } else if (mode == "write" || mode == "append") {
    request.set_access(v1::ACCESS_WRITE);
    request.set_append(mode == "append");
    settings.to_file = true;
  } else if (mode == "read-write") {
    if (settings.command == nullptr) {
      return absl::InvalidArgumentError("--mode read-write needs a COMMAND");
    }
    request.set_access(v1::ACCESS_READ_WRITE);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no --mode ", mode,
                     ", but read, write, append and read-write"));
  }
  return absl::OkStatus();
}

absl::Status ParseCreation(const CommandLine& line, v1::OpenRequest& request) {
  for (const char* option : {"create", "exclusive", "truncate"}) {
    if (line.Has(option) && request.access() == v1::ACCESS_READ) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", option, " needs another --mode than read"));
    }
  }
  if (line.Has("exclusive")) {
    request.set_creation(v1::CREATION_EXCLUSIVE);
  } else if (line.Has("create")) {
    request.set_creation(v1::CREATION_IF_MISSING);
  }
  request.set_truncate(line.Has("truncate"));
  if (const auto text = line.Get("permissions"); text.has_value()) {
    const absl::StatusOr<mode_t> permissions = ParsePermissions(*text);
    if (!permissions.ok()) return permissions.status();
    request.set_permissions(*permissions);
  }
  return absl::OkStatus();
}

// What to open, and what to do with it.
absl::Status ParseFile(const CommandLine& line, Settings& settings) {
  if (line.operands().size() != 1) {
    return absl::InvalidArgumentError(
        line.operands().empty() ? "FILE is missing" : "it takes one FILE");
  }
  settings.request.set_path(line.operands().front());
  settings.command = line.command();
  if (settings.command != nullptr && *settings.command == nullptr) {
    return absl::InvalidArgumentError("there is no COMMAND after --");
  }
  absl::Status status = ParseMode(line.Get("mode").value_or("read"), settings);
  if (!status.ok()) return status;
  status = ParseCreation(line, settings.request);
  if (!status.ok()) return status;
  if (const auto fd = line.Get("fd"); fd.has_value()) {
    if (settings.command == nullptr) {
      return absl::InvalidArgumentError("--fd needs a COMMAND");
    }
    if (!absl::SimpleAtoi(*fd, &settings.command_fd) ||
        settings.command_fd < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--fd ", *fd, " is not the number of a descriptor"));
    }
  }
  return absl::OkStatus();
}

// Empty for --help.
absl::StatusOr<std::optional<Settings>> ParseSettings(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  const absl::StatusOr<CommandLine> line =
      CommandLine::Parse(argc, argv,
                         {{"server", Arity::kOnce},
                          {"mode", Arity::kOnce},
                          {"create", Arity::kFlag},
                          {"exclusive", Arity::kFlag},
                          {"truncate", Arity::kFlag},
                          {"permissions", Arity::kOnce},
                          {"fd", Arity::kOnce},
                          {"list", Arity::kFlag},
                          {"watch", Arity::kFlag},
                          {"rename", Arity::kFlag},
                          {"no-replace", Arity::kFlag},
                          {"unlink", Arity::kFlag},
                          {"directory", Arity::kFlag},
                          {"make-directory", Arity::kFlag},
                          {"timeout", Arity::kOnce},
                          {"wait", Arity::kFlag},
                          {"help", Arity::kFlag}});
  if (!line.ok()) return line.status();
  if (line->Has("help")) return std::nullopt;

  Settings settings;
  settings.server = line->Get("server").value_or("");
  if (settings.server.empty()) {
    return absl::InvalidArgumentError("--server ADDRESS is missing");
  }
  absl::StatusOr<std::optional<DirectoryCommand>> directory =
      ParseDirectoryCommand(*line);
  if (!directory.ok()) return directory.status();
  settings.directory = *std::move(directory);
  if (!settings.directory.has_value()) {
    absl::Status file = ParseFile(*line, settings);
    if (!file.ok()) return file;
  }
  settings.call.timeout = absl::Seconds(10);
  if (const auto timeout = line->Get("timeout"); timeout.has_value()) {
    const absl::StatusOr<absl::Duration> time = ParseTime(*timeout);
    if (!time.ok()) return time.status();
    settings.call.timeout = *time;
  }
  settings.call.wait_for_ready = line->Has("wait");
  return settings;
}

// The connection to the broker is closed when this returns.
absl::StatusOr<UniqueFd> OpenFile(const Settings& settings) {
  absl::StatusOr<Channel> channel = Channel::Connect(settings.server);
  if (!channel.ok()) return channel.status();
  v1::FileBroker::Stub broker(*channel);
  absl::StatusOr<Parcel<v1::OpenReply>> reply =
      broker.Open(settings.request, settings.call);
  if (!reply.ok()) return reply.status();
  UniqueFd file = reply->take_file();
  if (!file.ok()) return absl::InternalError("the reply has no descriptor");
  return file;
}

int CopyFile(const Settings& settings, UniqueFd file) {
  absl::Status status = settings.to_file ? Copy(STDIN_FILENO, file.get())
                                         : Copy(file.get(), STDOUT_FILENO);
  // A network file system may report only now that written data is lost.
  if (close(file.Release()) < 0 && errno != EINTR && status.ok()) {
    status = absl::ErrnoToStatus(errno, "closing");
  }
  if (status.ok()) return 0;
  std::cerr << "fdrpc-open: " << status.message() << "\n";
  return kExitCopyFailed;
}

// Returns only if COMMAND could not be run.
int RunCommand(const Settings& settings, UniqueFd file) {
  // Messages go to the former standard error, even if the file is COMMAND's
  // descriptor 2.
  int messages = STDERR_FILENO;
  if (settings.command_fd == STDERR_FILENO) {
    messages = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  }
  // The only descriptor of this program that COMMAND inherits.
  const int moved = file.get() == settings.command_fd
                        ? fcntl(file.get(), F_SETFD, 0)
                        : dup2(file.get(), settings.command_fd);
  if (moved < 0) {
    dprintf(messages, "fdrpc-open: --fd %d: %s\n", settings.command_fd,
            strerror(errno));
    return kExitCannotRun;
  }
  execvp(settings.command[0], settings.command);
  const int error = errno;
  dprintf(messages, "fdrpc-open: %s: %s\n", settings.command[0],
          strerror(error));
  return error == ENOENT ? kExitNoCommand : kExitCannotRun;
}

absl::Status UseDirectory(const Settings& settings) {
  absl::StatusOr<Channel> channel = Channel::Connect(settings.server);
  if (!channel.ok()) return channel.status();
  return RunDirectoryCommand(*channel, *settings.directory, settings.call);
}

// Returns the exit status.
int ReportBrokerStatus(const absl::Status& status) {
  if (status.ok()) return 0;
  std::cerr << "fdrpc-open: " << absl::StatusCodeToString(status.code()) << ": "
            << status.message() << "\n";
  return kExitStatusBase + status.raw_code();
}

int Main(int argc, char** argv) {
  if (!OccupyStandardStreams()) return kExitCopyFailed;
  const absl::StatusOr<std::optional<Settings>> parsed =
      ParseSettings(argc, argv);
  if (!parsed.ok()) {
    std::cerr << "fdrpc-open: " << parsed.status().message()
              << "\nTry fdrpc-open --help\n";
    return kExitUsage;
  }
  if (!parsed->has_value()) {
    std::cout << kUsage;
    return 0;
  }
  const Settings& settings = **parsed;
  if (settings.directory.has_value()) {
    const absl::Status status = UseDirectory(settings);
    if (std::cout.flush()) return ReportBrokerStatus(status);
    std::cerr << "fdrpc-open: standard output cannot be written\n";
    return kExitCopyFailed;
  }
  absl::StatusOr<UniqueFd> file = OpenFile(settings);
  if (!file.ok()) return ReportBrokerStatus(file.status());
  return settings.command != nullptr ? RunCommand(settings, *std::move(file))
                                     : CopyFile(settings, *std::move(file));
}

}  // namespace
}  // namespace fdrpc::filebroker

int main(int argc, char** argv) { return fdrpc::filebroker::Main(argc, argv); }
