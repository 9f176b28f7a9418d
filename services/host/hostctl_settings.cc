#include "services/host/hostctl_settings.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/host/host_settings.h"
#include "services/program/command_line.h"

namespace fdrpc::host {
namespace {

using program::CommandLine;

constexpr uint32_t kUsualLines = 10;

struct HostctlCommand {
  std::string_view name;
  bool takes_service;
};
constexpr HostctlCommand kHostctlCommands[] = {
    {"list", false}, {"status", true},  {"start", true},
    {"stop", true},  {"restart", true}, {"reload", false},
    {"logs", true},  {"watch", false},  {"upgrade", false},
};

absl::Status ReadWords(const CommandLine& line, HostctlSettings& settings) {
  const std::vector<std::string>& words = line.operands();
  if (words.empty() || line.command() != nullptr) {
    return absl::InvalidArgumentError(
        "it takes a command: list, status, start, stop, restart, reload, logs, "
        "watch or upgrade");
  }
  settings.command = words[0];
  const auto command = std::find_if(
      std::begin(kHostctlCommands), std::end(kHostctlCommands),
      [&](const HostctlCommand& each) { return each.name == words[0]; });
  if (command == std::end(kHostctlCommands)) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no command ", words[0]));
  }
  if (words.size() != (command->takes_service ? 2u : 1u)) {
    return absl::InvalidArgumentError(absl::StrCat(
        words[0], command->takes_service ? " takes the name of one service"
                                         : " takes no operand"));
  }
  if (command->takes_service) settings.name = words[1];
  return absl::OkStatus();
}

absl::Status ReadLogOptions(const CommandLine& line,
                            HostctlSettings& settings) {
  settings.follow = line.Has("follow");
  settings.lines = kUsualLines;
  const auto text = line.Get("lines");
  if (settings.command != "logs" && (settings.follow || text.has_value())) {
    return absl::InvalidArgumentError(
        "--follow and --lines are options of logs");
  }
  if (!text.has_value()) return absl::OkStatus();
  const absl::StatusOr<uint64_t> lines = program::ParseNumber(*text);
  if (!lines.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--lines: ", lines.status().message()));
  }
  settings.lines = static_cast<uint32_t>(
      std::min<uint64_t>(*lines, std::numeric_limits<uint32_t>::max()));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<HostctlSettings>> ParseHostctlSettings(
    int argc, char** argv) {
  using Arity = CommandLine::Arity;
  const absl::StatusOr<CommandLine> line =
      CommandLine::Parse(argc, argv,
                         {{"host", Arity::kOnce},
                          {"follow", Arity::kFlag, 'f'},
                          {"lines", Arity::kOnce, 'n'},
                          {"timeout", Arity::kOnce},
                          {"wait", Arity::kFlag},
                          {"help", Arity::kFlag}});
  if (!line.ok()) return line.status();
  if (line->Has("help")) return std::nullopt;
  HostctlSettings settings;
  settings.host = line->Get("host").value_or(kDefaultControl);
  absl::Status status = ReadWords(*line, settings);
  if (status.ok()) status = ReadLogOptions(*line, settings);
  if (!status.ok()) return status;
  settings.call.wait_for_ready = line->Has("wait");
  if (const auto text = line->Get("timeout"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--timeout: ", time.status().message()));
    }
    settings.call.timeout = *time;
  }
  return settings;
}

}  // namespace fdrpc::host
