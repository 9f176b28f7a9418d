// fdrpc-blob: a client of fdrpc.blobstore.v1.BlobStore.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "services/blobstore/blob_client.h"
#include "services/program/command_line.h"
#include "services/program/one_line.h"
#include "services/program/standard_streams.h"

namespace fdrpc::blobstore {
namespace {

using program::CommandLine;

constexpr char kBlobUsage[] =
    R"(usage: fdrpc-blob --server ADDRESS [OPTION]... COMMAND [OPERAND]...

Uses the blob store at ADDRESS. NAME is a blob's SHA-256 in hexadecimal.

  put FILE       puts a blob with the content of FILE, or of standard input if
                 that is -, and prints its name
  get NAME       copies a blob to standard output
  list           prints the blobs that you may read, one a line: name, bytes,
                 owner, who may read it (owner, everyone), pins, and where it is
                 (memory, disk, memory+disk)
  watch          prints "watching", and then what happens to such blobs: added,
                 evicted or removed, and the same as list
  stat NAME      prints the same of one blob
  pin NAME...    keeps blobs from being evicted while it runs; prints "pinned
                 NAME" for each
  rm NAME...     removes blobs

  --server ADDRESS     as the store was given it: unix:PATH, unix:@NAME, the same
                       with unix-seqpacket: or unix-dgram:, or fd:NUMBER, a
                       connected socket that was inherited
  -o, --output FILE    of get: copies the blob to FILE
  --everyone           of put: every user may read the blob
  --owner UID          the blob of that user; without it, yours, or else one that
                       you may read
  --timeout TIME       how long a call may take: 500ms, 5s, 1m, inf (inf)
  --wait               waits, as long as that, for a store that is not there yet
  --help               prints this

Exit status:
  0       it is done
  1       reading or writing failed
  2       fdrpc-blob is used wrongly
  10 + S  the store, or the way to it, failed with status number S: 13 is
          INVALID_ARGUMENT, 15 NOT_FOUND, 18 RESOURCE_EXHAUSTED, 24 UNAVAILABLE, …
)";

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitStatusBase = 10;

struct BlobSettings {
  std::string server;
  std::string command;
  std::vector<std::string> operands;
  std::string output;
  bool everyone = false;
  std::optional<uid_t> owner;
  CallOptions call;
};

struct CommandRule {
  const char* name;
  size_t fewest;
  size_t most;
  const char* operands;
};
constexpr CommandRule kCommands[] = {
    {"put", 1, 1, "a FILE"},
    {"get", 1, 1, "a NAME"},
    {"list", 0, 0, "no operand"},
    {"watch", 0, 0, "no operand"},
    {"stat", 1, 1, "a NAME"},
    {"pin", 1, std::numeric_limits<size_t>::max(), "NAMEs"},
    {"rm", 1, std::numeric_limits<size_t>::max(), "NAMEs"},
};

absl::Status CheckCommand(const BlobSettings& settings) {
  const std::string& command = settings.command;
  if (!settings.output.empty() && command != "get") {
    return absl::InvalidArgumentError("--output is an option of get");
  }
  if (settings.everyone && command != "put") {
    return absl::InvalidArgumentError("--everyone is an option of put");
  }
  if (settings.owner.has_value() &&
      (command == "put" || command == "list" || command == "watch")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--owner is no option of ", command));
  }
  for (const CommandRule& rule : kCommands) {
    if (command != rule.name) continue;
    if (rule.fewest <= settings.operands.size() &&
        settings.operands.size() <= rule.most) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        absl::StrCat(command, " takes ", rule.operands));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("there is no command ", command));
}

absl::Status ParseOptions(const CommandLine& line, BlobSettings& settings) {
  settings.server = line.Get("server").value_or("");
  if (settings.server.empty()) {
    return absl::InvalidArgumentError("--server ADDRESS is missing");
  }
  settings.output = line.Get("output").value_or("");
  settings.everyone = line.Has("everyone");
  if (const auto text = line.Get("owner"); text.has_value()) {
    uint32_t owner = 0;
    if (!absl::SimpleAtoi(*text, &owner)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--owner ", *text, " is not the number of a user"));
    }
    settings.owner = owner;
  }
  settings.call.timeout = absl::InfiniteDuration();
  if (const auto text = line.Get("timeout"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) return time.status();
    settings.call.timeout = *time;
  }
  settings.call.wait_for_ready = line.Has("wait");
  return absl::OkStatus();
}

// Empty for --help.
absl::StatusOr<std::optional<BlobSettings>> ParseBlobSettings(int argc,
                                                              char** argv) {
  using Arity = CommandLine::Arity;
  const absl::StatusOr<CommandLine> line =
      CommandLine::Parse(argc, argv,
                         {{"server", Arity::kOnce},
                          {"output", Arity::kOnce, 'o'},
                          {"everyone", Arity::kFlag},
                          {"owner", Arity::kOnce},
                          {"timeout", Arity::kOnce},
                          {"wait", Arity::kFlag},
                          {"help", Arity::kFlag}});
  if (!line.ok()) return line.status();
  if (line->Has("help")) return std::nullopt;
  if (line->operands().empty() || line->command() != nullptr) {
    return absl::InvalidArgumentError("it takes a command and its operands");
  }
  BlobSettings settings;
  absl::Status options = ParseOptions(*line, settings);
  if (!options.ok()) return options;
  settings.command = line->operands()[0];
  settings.operands.assign(line->operands().begin() + 1,
                           line->operands().end());
  absl::Status command = CheckCommand(settings);
  if (!command.ok()) return command;
  return settings;
}

absl::StatusOr<UniqueFd> OpenFile(const std::string& path, int flags) {
  UniqueFd file(open(path.c_str(), flags | O_CLOEXEC, 0666));
  if (!file.ok()) return absl::ErrnoToStatus(errno, path);
  return file;
}

BlobClient::Outcome PutFile(BlobClient& client, const BlobSettings& settings) {
  const v1::Readers readers =
      settings.everyone ? v1::READERS_EVERYONE : v1::READERS_OWNER;
  const std::string& path = settings.operands[0];
  if (path == "-") return client.Put(STDIN_FILENO, readers);
  const absl::StatusOr<UniqueFd> file = OpenFile(path, O_RDONLY);
  if (!file.ok()) return {.status = file.status(), .is_local = true};
  return client.Put(file->get(), readers);
}

BlobClient::Outcome GetBlob(BlobClient& client, const BlobSettings& settings) {
  const auto open_output = [&settings]() -> absl::StatusOr<UniqueFd> {
    if (!settings.output.empty()) {
      return OpenFile(settings.output, O_WRONLY | O_CREAT | O_TRUNC);
    }
    UniqueFd output(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!output.ok()) return absl::ErrnoToStatus(errno, "standard output");
    return output;
  };
  return client.Get(settings.operands[0], open_output);
}

BlobClient::Outcome RunCommand(const BlobSettings& settings) {
  absl::StatusOr<Channel> channel = Channel::Connect(settings.server);
  if (!channel.ok()) return {channel.status()};
  BlobClient client(*channel, settings.call, settings.owner);
  const std::string& command = settings.command;
  if (command == "put") return PutFile(client, settings);
  if (command == "get") return GetBlob(client, settings);
  if (command == "stat") return client.Stat(settings.operands[0]);
  if (command == "watch") return client.Watch();
  if (command == "pin") return client.Pin(settings.operands);
  if (command == "rm") return client.Remove(settings.operands);
  return client.List();
}

// A store may say anything, and a terminal might interpret it.
void PrintError(const std::string& what) {
  std::cerr << absl::StrCat("fdrpc-blob: ", program::OneLine(what), "\n");
}

int BlobMain(int argc, char** argv) {
  if (!program::OccupyStandardStreams()) return kExitFailed;
  const absl::StatusOr<std::optional<BlobSettings>> settings =
      ParseBlobSettings(argc, argv);
  if (!settings.ok()) {
    std::cerr << "fdrpc-blob: " << settings.status().message()
              << "\nTry fdrpc-blob --help\n";
    return kExitUsage;
  }
  if (!settings->has_value()) {
    std::cout << kBlobUsage;
    return 0;
  }
  const BlobClient::Outcome outcome = RunCommand(**settings);
  std::cout.flush();
  const absl::Status& status = outcome.status;
  if (status.ok() && std::cout) return 0;
  if (status.ok()) {
    PrintError("standard output cannot be written");
    return kExitFailed;
  }
  if (outcome.is_local) {
    PrintError(std::string(status.message()));
    return kExitFailed;
  }
  PrintError(absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                          status.message()));
  return kExitStatusBase + status.raw_code();
}

}  // namespace
}  // namespace fdrpc::blobstore

int main(int argc, char** argv) {
  return fdrpc::blobstore::BlobMain(argc, argv);
}
