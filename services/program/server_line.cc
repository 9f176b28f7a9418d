#include "services/program/server_line.h"

#include <utility>

#include "absl/status/status.h"

namespace fdrpc::program {
namespace {

absl::StatusOr<ListenSettings> ListenSettingsOf(const CommandLine& options) {
  ListenSettings settings = {.addresses = options.GetAll("listen"),
                             .socket_mode = std::nullopt};
  if (settings.addresses.empty()) {
    return absl::InvalidArgumentError("--listen ADDRESS is missing");
  }
  if (const auto text = options.Get("socket-mode"); text.has_value()) {
    const absl::StatusOr<mode_t> mode = ParsePermissions(*text);
    if (!mode.ok()) return mode.status();
    settings.socket_mode = *mode;
  }
  return settings;
}

}  // namespace

absl::StatusOr<std::optional<ServerLine>> ParseServerLine(
    int argc, char** argv, absl::Span<const CommandLine::Option> options) {
  using Arity = CommandLine::Arity;
  std::vector<CommandLine::Option> all(options.begin(), options.end());
  all.push_back({"listen", Arity::kRepeated});
  all.push_back({"socket-mode", Arity::kOnce});
  all.push_back({"help", Arity::kFlag});
  absl::StatusOr<CommandLine> line = CommandLine::Parse(argc, argv, all);
  if (!line.ok()) return line.status();
  if (line->Has("help")) return std::nullopt;
  if (!line->operands().empty() || line->command() != nullptr) {
    return absl::InvalidArgumentError("it takes options only");
  }
  absl::StatusOr<ListenSettings> listen = ListenSettingsOf(*line);
  if (!listen.ok()) return listen.status();
  return ServerLine{.options = *std::move(line), .listen = *std::move(listen)};
}

}  // namespace fdrpc::program
