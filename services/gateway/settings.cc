#include "services/gateway/settings.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/program/command_line.h"

namespace fdrpc::gateway {

using program::CommandLine;

const char kUsage[] =
    R"(usage: fdrpc-gateway --listen ADDRESS --to ADDRESS [OPTION]...

Passes calls on between gRPC and fdrpc: one of the two addresses is of gRPC, the
other one of fdrpc. It knows the services by reflection of the server that it
passes them to.

  --listen ADDRESS     where calls come from; may be given several times
  --to ADDRESS         the server that gets them
                       An ADDRESS of fdrpc is unix:/path, unix:@abstract-name, or
                       the same with unix-seqpacket: or unix-dgram:, and for
                       --listen also systemd:NAME or fd:N. One of gRPC is
                       HOST:PORT, or what else gRPC takes, such as dns:///HOST;
                       for --listen also fd:N, an inherited listening socket
  --tls-certificate FILE, --tls-key FILE
                       the gateway's own certificate and its key, in PEM; for
                       --listen of gRPC both are needed
  --tls-ca FILE        certificates in PEM, one of which has signed that of the
                       gRPC peer. With --listen of gRPC, every client needs one;
                       without it, clients are not authenticated. With --to of
                       gRPC, the default is gRPC's own list.
  --insecure           without TLS
  --socket-mode MODE   permissions of the socket files, in octal, such as 0666;
                       without it, what the umask leaves
  --descriptor-set FILE
                       takes the services from what protoc --descriptor_set_out
                       --include_imports has written, not by reflection
  --timeout TIME       how long the server may take to tell its services: 500ms,
                       5s, 1m, inf (30s)
  --wait-for-ready     lets calls wait while the server is not there, until their
                       deadlines; without it, they fail with UNAVAILABLE
  --drain-timeout TIME how long calls in progress may continue at the end (10s)
  --help               prints this

Prints "listening on ADDRESS" once clients can connect (not for fd: and
systemd:), and tells the service manager, if one has started it. SIGHUP lets it
learn the services again. SIGTERM or SIGINT ends it.

Exit status: 0 after it has served, 1 if it cannot, 2 if it is used wrongly.
)";

namespace {

bool IsLocal(const std::string& address) {
  for (const char* scheme :
       {"unix:", "unix-seqpacket:", "unix-dgram:", "systemd:", "fd:"}) {
    if (address.starts_with(scheme)) return true;
  }
  return false;
}

// The content of the file that an option names; empty without the option.
absl::StatusOr<std::string> ContentOf(const CommandLine& line,
                                      const char* option) {
  const auto name = line.Get(option);
  if (!name.has_value()) return std::string();
  std::ifstream file(*name, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", option, ": cannot read ", *name));
  }
  return content.str();
}

// The socket of one number cannot be owned twice.
absl::Status RefuseRepeatedSockets(const std::vector<std::string>& addresses) {
  constexpr std::string_view kScheme = "fd:";
  std::set<int> numbers;
  for (const std::string& address : addresses) {
    int number = -1;
    if (!address.starts_with(kScheme) ||
        !absl::SimpleAtoi(address.substr(kScheme.size()), &number)) {
      continue;
    }
    if (!numbers.insert(number).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--listen ", address, " is given twice: give each socket once"));
    }
  }
  return absl::OkStatus();
}

absl::Status ParseAddresses(const CommandLine& line, Settings& settings) {
  settings.to = line.Get("to").value_or("");
  if (settings.to.empty()) {
    return absl::InvalidArgumentError("--to ADDRESS is missing");
  }
  settings.to_is_local = IsLocal(settings.to);
  for (const std::string& address : settings.listen.addresses) {
    // A socket of either kind.
    if (address.starts_with("fd:")) continue;
    if (settings.to_is_local && address.starts_with("systemd:")) {
      return absl::InvalidArgumentError(absl::StrCat(
          address,
          ": gRPC takes sockets of systemd by their numbers, of which "
          "fd:3 is the first"));
    }
    if (IsLocal(address) != settings.to_is_local) continue;
    const char* what =
        settings.to_is_local ? "addresses of fdrpc" : "addresses of gRPC";
    return absl::InvalidArgumentError(
        absl::StrCat(address, " and ", settings.to, " are both ", what,
                     ": one has to be of gRPC, the other one of fdrpc"));
  }
  return RefuseRepeatedSockets(settings.listen.addresses);
}

absl::Status ParseTls(const CommandLine& line, Settings& settings) {
  Settings::Tls tls;
  for (const auto& [option, content] :
       {std::pair("tls-key", &tls.key),
        std::pair("tls-certificate", &tls.certificate),
        std::pair("tls-ca", &tls.authorities)}) {
    absl::StatusOr<std::string> read = ContentOf(line, option);
    if (!read.ok()) return read.status();
    *content = *std::move(read);
  }
  const bool any =
      !tls.key.empty() || !tls.certificate.empty() || !tls.authorities.empty();
  if (line.Has("insecure")) {
    if (!any) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--insecure and an option of TLS contradict each other");
  }
  if (tls.key.empty() != tls.certificate.empty()) {
    return absl::InvalidArgumentError(
        "--tls-key and --tls-certificate need each other");
  }
  if (settings.to_is_local && tls.key.empty()) {
    return absl::InvalidArgumentError(
        "to listen for gRPC takes --tls-key and --tls-certificate, or "
        "--insecure to do without encryption");
  }
  settings.tls = std::move(tls);
  return absl::OkStatus();
}

absl::Status ParseOthers(const CommandLine& line, Settings& settings) {
  if (settings.to_is_local && settings.listen.socket_mode.has_value()) {
    return absl::InvalidArgumentError("--socket-mode is for --listen of fdrpc");
  }
  for (const auto& [option, setting] :
       {std::pair("timeout", &settings.timeout),
        std::pair("drain-timeout", &settings.drain_timeout)}) {
    const auto text = line.Get(option);
    if (!text.has_value()) continue;
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) return time.status();
    *setting = *time;
  }
  settings.descriptor_set = line.Get("descriptor-set").value_or("");
  settings.wait_for_ready = line.Has("wait-for-ready");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Settings>> ParseSettings(int argc, char** argv) {
  using Arity = CommandLine::Arity;
  absl::StatusOr<std::optional<program::ServerLine>> line =
      program::ParseServerLine(argc, argv,
                               {{"to", Arity::kOnce},
                                {"tls-certificate", Arity::kOnce},
                                {"tls-key", Arity::kOnce},
                                {"tls-ca", Arity::kOnce},
                                {"insecure", Arity::kFlag},
                                {"descriptor-set", Arity::kOnce},
                                {"timeout", Arity::kOnce},
                                {"wait-for-ready", Arity::kFlag},
                                {"drain-timeout", Arity::kOnce}});
  if (!line.ok()) return line.status();
  if (!line->has_value()) return std::nullopt;
  Settings settings;
  settings.listen = std::move((*line)->listen);
  for (const auto parse : {ParseAddresses, ParseTls, ParseOthers}) {
    absl::Status parsed = parse((*line)->options, settings);
    if (!parsed.ok()) return parsed;
  }
  return settings;
}

}  // namespace fdrpc::gateway
