#include "services/launcher/run_settings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/launcher/limit_text.h"
#include "services/process/user_database.h"
#include "services/program/command_line.h"

namespace fdrpc::launcher {
namespace {

using program::CommandLine;

absl::StatusOr<CommandLine> ParseWords(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  return CommandLine::Parse(argc, argv,
                            {{"server", Arity::kOnce},
                             {"wait", Arity::kFlag},
                             {"directory", Arity::kOnce},
                             {"env", Arity::kRepeated},
                             {"launcher-environment", Arity::kFlag},
                             {"fd", Arity::kRepeated},
                             {"user", Arity::kOnce},
                             {"limit", Arity::kRepeated},
                             {"no-new-privileges", Arity::kFlag},
                             {"keep", Arity::kFlag},
                             {"no-terminal", Arity::kFlag},
                             {"resources", Arity::kFlag},
                             {"help", Arity::kFlag}});
}

absl::Status AddVariable(const std::string& text, v1::LaunchRequest& request) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not like NAME=VALUE"));
  }
  v1::Variable& variable = *request.add_environment();
  variable.set_name(text.substr(0, equals));
  variable.set_value(text.substr(equals + 1));
  return absl::OkStatus();
}

absl::Status ReadEnvironment(const CommandLine& line,
                             v1::LaunchRequest& request) {
  if (!line.Has("launcher-environment")) {
    request.set_clear_environment(true);
    for (char** variable = environ; *variable != nullptr; ++variable) {
      // Others than NAME=VALUE mean nothing to anybody.
      (void)AddVariable(*variable, request);
    }
  }
  for (const std::string& variable : line.GetAll("env")) {
    if (absl::Status added = AddVariable(variable, request); !added.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--env: ", added.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadDescriptors(const CommandLine& line, RunSettings& settings) {
  for (const std::string& text : line.GetAll("fd")) {
    int number = -1;
    if (!absl::SimpleAtoi(text, &number) || number <= STDERR_FILENO) {
      return absl::InvalidArgumentError(
          absl::StrCat("--fd ", text,
                       " is not the number of a descriptor, "
                       "other than 0, 1 and 2, which COMMAND always gets"));
    }
    settings.descriptors.push_back(number);
  }
  return absl::OkStatus();
}

absl::Status ReadUserAndLimits(const CommandLine& line,
                               v1::LaunchRequest& request) {
  if (const auto user = line.Get("user"); user.has_value()) {
    const absl::StatusOr<uid_t> uid = process::UserNamed(*user);
    if (!uid.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--user: ", uid.status().message()));
    }
    request.mutable_user()->set_uid(*uid);
  }
  for (const std::string& text : line.GetAll("limit")) {
    const absl::StatusOr<v1::Limit> limit = ParseLimit(text);
    if (!limit.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--limit: ", limit.status().message()));
    }
    *request.add_limits() = *limit;
  }
  return absl::OkStatus();
}

mode_t OwnUmask() {
  const mode_t own = umask(0);
  umask(own);
  return own;
}

}  // namespace

absl::StatusOr<std::optional<RunSettings>> ParseRunSettings(int argc,
                                                            char** argv) {
  const absl::StatusOr<CommandLine> line = ParseWords(argc, argv);
  if (!line.ok()) return line.status();
  if (line->Has("help")) return std::nullopt;
  if (!line->operands().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", line->operands().front(), "\": COMMAND stands after --"));
  }
  if (line->command() == nullptr || *line->command() == nullptr) {
    return absl::InvalidArgumentError("-- COMMAND is missing");
  }
  RunSettings settings;
  settings.server = line->Get("server").value_or("");
  if (settings.server.empty()) {
    return absl::InvalidArgumentError("--server ADDRESS is missing");
  }
  for (char** word = line->command(); *word != nullptr; ++word) {
    settings.request.add_arguments(*word);
  }
  absl::Status status = ReadEnvironment(*line, settings.request);
  if (status.ok()) status = ReadDescriptors(*line, settings);
  if (status.ok()) status = ReadUserAndLimits(*line, settings.request);
  if (!status.ok()) return status;
  settings.request.set_umask(OwnUmask());
  settings.request.set_no_new_privileges(line->Has("no-new-privileges"));
  settings.call.wait_for_ready = line->Has("wait");
  settings.directory = line->Get("directory").value_or(settings.directory);
  settings.keep = line->Has("keep");
  settings.may_use_terminal = !line->Has("no-terminal");
  settings.report_resources = line->Has("resources");
  return settings;
}

}  // namespace fdrpc::launcher
