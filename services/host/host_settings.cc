#include "services/host/host_settings.h"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/program/command_line.h"

namespace fdrpc::host {

using program::CommandLine;

namespace {

// A busy host is no hanging one.
constexpr absl::Duration kLeastHangTimeout = absl::Seconds(1);

absl::StatusOr<std::string> AbsoluteAddress(const std::string& address) {
  const size_t path = address.find(':') + 1;
  if (path == 0 || path == address.size() || address[path] == '@') {
    return address;
  }
  const absl::StatusOr<std::string> absolute =
      AbsolutePath(address.substr(path));
  if (!absolute.ok()) return absolute.status();
  return address.substr(0, path) + *absolute;
}

// In place of what it has.
template <typename Convert>
absl::Status MakeAbsolute(std::string& value, Convert convert) {
  absl::StatusOr<std::string> absolute = convert(value);
  if (!absolute.ok()) return absolute.status();
  value = *std::move(absolute);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     " is relative to a working directory that cannot be "
                     "found: use an absolute path: ",
                     error.message()));
  }
  return absolute.lexically_normal().string();
}

absl::StatusOr<HostSettings> ParseHostSettings(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  const absl::StatusOr<CommandLine> line =
      CommandLine::Parse(argc, argv,
                         {{"config", Arity::kOnce},
                          {"control", Arity::kOnce},
                          {"log-directory", Arity::kOnce},
                          {"socket-mode", Arity::kOnce},
                          {"hang-timeout", Arity::kOnce},
                          {"keeper", Arity::kOnce},
                          {"help", Arity::kFlag}});
  if (!line.ok()) return line.status();
  HostSettings settings;
  settings.wants_help = line->Has("help");
  if (settings.wants_help) return settings;
  if (!line->operands().empty() || line->command() != nullptr) {
    return absl::InvalidArgumentError("it takes options only");
  }
  settings.config = line->Get("config").value_or("");
  if (settings.config.empty()) {
    return absl::InvalidArgumentError("--config DIR is missing");
  }
  settings.control = line->Get("control").value_or(kDefaultControl);
  if (!settings.control.starts_with("unix")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--control ", settings.control,
                     " is not like unix:/path or unix:@name"));
  }
  settings.log_directory = line->Get("log-directory").value_or("");
  // The host process runs in another directory.
  absl::Status status = MakeAbsolute(settings.config, AbsolutePath);
  if (status.ok()) status = MakeAbsolute(settings.control, AbsoluteAddress);
  if (status.ok()) status = MakeAbsolute(settings.log_directory, AbsolutePath);
  if (!status.ok()) return status;
  if (const auto text = line->Get("socket-mode"); text.has_value()) {
    const absl::StatusOr<mode_t> mode = program::ParsePermissions(*text);
    if (!mode.ok()) return mode.status();
    settings.socket_mode = *mode;
  }
  if (const auto text = line->Get("hang-timeout"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) return time.status();
    if (*time < kLeastHangTimeout) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--hang-timeout ", *text, " is too short: it is at least ",
          absl::FormatDuration(kLeastHangTimeout)));
    }
    settings.hang_timeout = *time;
  }
  settings.keeper = line->Get("keeper").value_or("");
  settings.words = {absl::StrCat("--config=", settings.config),
                    absl::StrCat("--control=", settings.control),
                    absl::StrCat("--log-directory=", settings.log_directory)};
  if (const auto text = line->Get("socket-mode"); text.has_value()) {
    settings.words.push_back(absl::StrCat("--socket-mode=", *text));
  }
  return settings;
}

}  // namespace fdrpc::host
