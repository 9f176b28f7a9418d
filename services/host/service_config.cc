#include "services/host/service_config.h"

#include <sched.h>

#include <algorithm>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/program/command_line.h"

namespace fdrpc::host {
namespace {

constexpr uint64_t kLeastOfLog = 16 << 10;
constexpr uint32_t kMostLogFiles = 1000;

void ResolveTime(const std::string& text, const std::string& field,
                 const ConfigMessage& place, absl::Duration& time) {
  if (text.empty()) return;
  const absl::StatusOr<absl::Duration> parsed = program::ParseTime(text);
  if (!parsed.ok()) return place.Wrong(field, parsed.status().message());
  time = *parsed;
}

// Texts of other numbers are parsed, too.
template <typename Enum>
void CheckValue(Enum value, bool (*is_valid)(int), const std::string& field,
                const ConfigMessage& place) {
  if (is_valid(value)) return;
  place.Wrong(field, absl::StrCat(static_cast<int>(value),
                                  " is none of its values: write its name"));
}

void ResolveStart(const v1::ServiceConfig& config, const ConfigMessage& place,
                  HostedService& service) {
  CheckValue(config.start(), v1::ServiceConfig::Start_IsValid, "start", place);
  CheckValue(config.readiness(), v1::ServiceConfig::Readiness_IsValid,
             "readiness", place);
  const bool has_sockets = config.sockets_size() > 0;
  if (!has_sockets &&
      config.start() == v1::ServiceConfig::START_ON_CONNECTION) {
    place.Wrong("start",
                "a service without sockets cannot start on a connection: give "
                "it one, or write START_AT_ONCE or START_BY_HAND");
  }
  ResolveTime(config.start_timeout(), "start_timeout", place,
              service.start_timeout);
  ResolveTime(config.stop_timeout(), "stop_timeout", place,
              service.stop_timeout);
  ResolveTime(config.idle_timeout(), "idle_timeout", place,
              service.idle_timeout);
  ResolveTime(config.watchdog_timeout(), "watchdog_timeout", place,
              service.watchdog_timeout);
  const bool has_own_network = (service.namespaces & CLONE_NEWNET) != 0;
  if (has_own_network && !config.watchdog_timeout().empty()) {
    place.Wrong("watchdog_timeout",
                "a process in a network namespace of its own cannot reach the "
                "host's socket for notifications: remove it");
  }
  if (has_own_network &&
      config.readiness() == v1::ServiceConfig::READINESS_NOTIFY) {
    place.Wrong("namespaces",
                "a process in a network namespace of its own cannot reach the "
                "host's socket for notifications: write readiness: "
                "READINESS_STARTED",
                0);
  }
  if (config.idle_timeout().empty()) return;
  const bool has_datagrams =
      std::any_of(service.sockets.begin(), service.sockets.end(),
                  [](const auto& socket) { return socket.type == SOCK_DGRAM; });
  if (has_datagrams) {
    place.Wrong("idle_timeout",
                "the host cannot see who is connected by a unix-dgram socket: "
                "let the program end itself (ServerOptions::idle_timeout)");
  } else if (!has_sockets) {
    place.Wrong("idle_timeout",
                "a service without sockets has no clients: remove it");
  } else if (config.start() == v1::ServiceConfig::START_BY_HAND) {
    place.Wrong("idle_timeout",
                "no client would start the service again: remove it, or write "
                "another start than START_BY_HAND");
  }
}

void ResolveRestart(const v1::Restart& restart, const ConfigMessage& place,
                    RestartPolicy& policy) {
  ResolveTime(restart.delay(), "delay", place, policy.delay);
  ResolveTime(restart.max_delay(), "max_delay", place, policy.max_delay);
  ResolveTime(restart.stable_after(), "stable_after", place,
              policy.stable_after);
  if (restart.max_failures() > 0) policy.max_failures = restart.max_failures();
  if (policy.delay > policy.max_delay) {
    place.Wrong(restart.delay().empty() ? "max_delay" : "delay",
                absl::StrCat("the delay, ", absl::FormatDuration(policy.delay),
                             ", is longer than max_delay, ",
                             absl::FormatDuration(policy.max_delay)));
  }
}

void ResolveLog(const v1::Log& log, const ConfigMessage& place,
                LogSettings& settings) {
  CheckValue(log.destination(), v1::Log::Destination_IsValid, "destination",
             place);
  settings.destination = log.destination();
  if (!log.max_size().empty()) {
    const absl::StatusOr<uint64_t> size = program::ParseBytes(log.max_size());
    if (!size.ok()) {
      place.Wrong("max_size", size.status().message());
    } else if (*size < kLeastOfLog) {
      place.Wrong("max_size",
                  absl::StrCat("it is at least ", kLeastOfLog >> 10, "K"));
    } else {
      settings.max_size = *size;
    }
  }
  if (log.files() > kMostLogFiles) {
    place.Wrong("files", absl::StrCat("it is at most ", kMostLogFiles));
  } else if (log.files() > 0) {
    settings.files = log.files();
  }
  if (log.destination() != v1::Log::DESTINATION_JOURNAL &&
      log.destination() != v1::Log::DESTINATION_NONE) {
    return;
  }
  const std::string why =
      "it is about files: remove it, or write destination: "
      "DESTINATION_FILE";
  if (!log.max_size().empty()) place.Wrong("max_size", why);
  if (log.files() > 0) place.Wrong("files", why);
}

}  // namespace

HostedService ResolveService(const std::string& name, ConfigFile& file) {
  const v1::ServiceConfig& config = file.config();
  const ConfigMessage place(file);
  HostedService service;
  service.name = name;
  service.file = file.path();
  service.config = config;
  ResolveProcess(config, place, service);
  ResolveSockets(config, place, service);
  ResolveStart(config, place, service);
  if (config.has_restart()) {
    ResolveRestart(config.restart(), place.Nested("restart"), service.restart);
  }
  if (config.has_log()) {
    ResolveLog(config.log(), place.Nested("log"), service.log);
  }
  return service;
}

}  // namespace fdrpc::host
