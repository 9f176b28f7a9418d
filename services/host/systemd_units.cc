#include "services/host/systemd_units.h"

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace fdrpc::host {
namespace {

// A word of a setting, as systemd.syntax(7) quotes it, with specifiers
// (systemd.unit(5)) escaped.
std::string Quoted(std::string_view word) {
  std::string quoted = "\"";
  for (const char each : word) {
    if (each == '"' || each == '\\') {
      absl::StrAppend(&quoted, "\\", std::string(1, each));
    } else if (each == '%') {
      quoted += "%%";
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(each))) {
      absl::StrAppendFormat(&quoted, "\\x%02x",
                            static_cast<unsigned char>(each));
    } else {
      quoted.push_back(each);
    }
  }
  return quoted + "\"";
}

// The whole of a setting that is one path or name.
std::string Escaped(std::string_view value) {
  return absl::StrReplaceAll(std::string(value), {{"%", "%%"}});
}

std::string TimeText(absl::Duration time) {
  if (time == absl::InfiniteDuration()) return "infinity";
  return absl::FormatDuration(std::max(absl::Trunc(time, absl::Microseconds(1)),
                                       absl::Microseconds(1)));
}

std::string LimitText(rlim_t limit) {
  return limit == RLIM_INFINITY ? "infinity" : std::to_string(limit);
}

class UnitText {
 public:
  void Section(std::string_view name) {
    absl::StrAppend(&text_, text_.empty() ? "" : "\n", "[", std::string(name),
                    "]\n");
  }
  void Set(std::string_view setting, std::string_view value) {
    absl::StrAppend(&text_, std::string(setting), "=", std::string(value),
                    "\n");
  }
  void Comment(std::string_view comment) {
    absl::StrAppend(&text_, "# ", std::string(comment), "\n");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

const char* ListenSetting(int type) {
  switch (type) {
    case SOCK_SEQPACKET:
      return "ListenSequentialPacket";
    case SOCK_DGRAM:
      return "ListenDatagram";
    default:
      return "ListenStream";
  }
}

// The first one has the service's name.
std::string SocketUnitName(const HostedService& service, size_t index) {
  return index == 0 ? absl::StrCat(service.name, ".socket")
                    : absl::StrCat(service.name, "-", index + 1, ".socket");
}

SystemdUnit SocketUnit(const HostedService& service, size_t index) {
  const HostedSocket& socket = service.sockets[index];
  const v1::Socket& config = service.config.sockets(static_cast<int>(index));
  UnitText unit;
  unit.Section("Unit");
  unit.Set("Description",
           absl::StrCat("Socket ", socket.name, " of ", service.name));
  unit.Section("Socket");
  unit.Set(ListenSetting(socket.type),
           Escaped(socket.path.empty() ? absl::StrCat("@", socket.abstract_name)
                                       : socket.path));
  unit.Set("FileDescriptorName", Escaped(socket.name));
  unit.Set("Service", absl::StrCat(service.name, ".service"));
  if (socket.options.mode.has_value()) {
    unit.Set("SocketMode", absl::StrFormat("%04o", *socket.options.mode));
  }
  if (!config.owner().empty()) unit.Set("SocketUser", Escaped(config.owner()));
  if (!config.group().empty()) unit.Set("SocketGroup", Escaped(config.group()));
  if (service.config.start() != v1::ServiceConfig::START_BY_HAND) {
    unit.Section("Install");
    unit.Set("WantedBy", "sockets.target");
  }
  return {SocketUnitName(service, index), unit.text()};
}

// How long so many failures in a row can take.
absl::Duration FailureTime(const RestartPolicy& policy) {
  absl::Duration all = policy.max_failures * policy.stable_after;
  absl::Duration delay = policy.delay;
  for (uint32_t i = 0; i < policy.max_failures; ++i) {
    // From here on the delay is the longest one.
    if (delay >= policy.max_delay) {
      return all + (policy.max_failures - i) * policy.max_delay;
    }
    all += delay;
    delay *= 2;
  }
  return all;
}

// How many times the delay doubles until it is the longest.
int RestartSteps(const RestartPolicy& policy) {
  int steps = 0;
  for (absl::Duration delay = policy.delay; delay < policy.max_delay;
       delay *= 2) {
    ++steps;
  }
  return steps;
}

void SetStart(const HostedService& service, UnitText& unit) {
  unit.Set("Type",
           service.config.readiness() == v1::ServiceConfig::READINESS_NOTIFY
               ? "notify"
               : "exec");
  // No "$" stands for a variable.
  std::string command = ":";
  for (const std::string& word : service.process.arguments) {
    absl::StrAppend(&command, command == ":" ? "" : " ", Quoted(word));
  }
  unit.Set("ExecStart", command);
  std::string sockets;
  for (size_t i = 0; i < service.sockets.size(); ++i) {
    absl::StrAppend(&sockets, i == 0 ? "" : " ", SocketUnitName(service, i));
  }
  if (!sockets.empty()) unit.Set("Sockets", sockets);
  for (const std::string& variable : service.config.environment()) {
    unit.Set("Environment", Quoted(variable));
  }
  unit.Set("WorkingDirectory", Escaped(service.working_directory));
  unit.Set("TimeoutStartSec", TimeText(service.start_timeout));
  unit.Set("TimeoutStopSec", TimeText(service.stop_timeout));
  if (service.watchdog_timeout != absl::InfiniteDuration()) {
    unit.Set("WatchdogSec", TimeText(service.watchdog_timeout));
  }
  if (service.idle_timeout != absl::InfiniteDuration()) {
    unit.Comment(absl::StrCat(
        "idle_timeout is ", TimeText(service.idle_timeout),
        ": systemd stops no idle service; ServerOptions::idle_timeout does"));
  }
}

void SetRestart(const HostedService& service, UnitText& unit) {
  const RestartPolicy& policy = service.restart;
  unit.Set("Restart", service.config.start() == v1::ServiceConfig::START_AT_ONCE
                          ? "always"
                          : "on-failure");
  unit.Set("RestartSec", TimeText(policy.delay));
  if (policy.max_delay > policy.delay &&
      policy.max_delay < absl::InfiniteDuration()) {
    unit.Comment(absl::StrFormat(
        "from systemd 254 on: RestartSteps=%d RestartMaxDelaySec=%s",
        RestartSteps(policy), TimeText(policy.max_delay)));
  }
}

void SetRights(const HostedService& service, UnitText& unit) {
  const v1::ServiceConfig& config = service.config;
  if (!config.user().empty()) unit.Set("User", Escaped(config.user()));
  if (!config.group().empty()) unit.Set("Group", Escaped(config.group()));
  if (config.has_umask()) {
    unit.Set("UMask", absl::StrFormat("%04o", config.umask()));
  }
  for (int i = 0; i < config.limits_size(); ++i) {
    const rlimit& limit = service.process.limits[static_cast<size_t>(i)].limit;
    unit.Set(absl::StrCat("Limit",
                          absl::AsciiStrToUpper(config.limits(i).resource())),
             absl::StrCat(LimitText(limit.rlim_cur), ":",
                          LimitText(limit.rlim_max)));
  }
  if (config.no_new_privileges()) unit.Set("NoNewPrivileges", "yes");
  const struct {
    int flag;
    const char* setting;
  } kNamespaces[] = {{CLONE_NEWNET, "PrivateNetwork"},
                     {CLONE_NEWIPC, "PrivateIPC"},
                     {CLONE_NEWUTS, "ProtectHostname"},
                     {CLONE_NEWNS, "PrivateMounts"}};
  for (const auto& each : kNamespaces) {
    if ((service.namespaces & each.flag) != 0) unit.Set(each.setting, "yes");
  }
  if ((service.namespaces & CLONE_NEWPID) != 0) {
    unit.Comment("from systemd 257 on: PrivatePIDs=yes");
  }
}

void SetLog(const HostedService& service, UnitText& unit) {
  unit.Set("SyslogIdentifier", service.name);
  switch (service.log.destination) {
    case v1::Log::DESTINATION_NONE:
      unit.Set("StandardOutput", "null");
      unit.Set("StandardError", "null");
      break;
    case v1::Log::DESTINATION_FILE:
      unit.Comment(
          "it goes to the journal; StandardOutput=append: takes a file, which "
          "systemd does not rotate");
      break;
    default:
      break;
  }
}

SystemdUnit ServiceUnit(const HostedService& service) {
  UnitText unit;
  unit.Section("Unit");
  unit.Set("Description", service.name);
  unit.Set("StartLimitIntervalSec", TimeText(FailureTime(service.restart)));
  unit.Set("StartLimitBurst", std::to_string(service.restart.max_failures));
  unit.Section("Service");
  SetStart(service, unit);
  SetRestart(service, unit);
  SetRights(service, unit);
  if (const uint32_t most = service.config.max_stored_descriptors(); most > 0) {
    unit.Set("FileDescriptorStoreMax", std::to_string(most));
  }
  SetLog(service, unit);
  if (service.config.start() == v1::ServiceConfig::START_AT_ONCE) {
    unit.Section("Install");
    unit.Set("WantedBy", "multi-user.target");
  }
  return {absl::StrCat(service.name, ".service"), unit.text()};
}

}  // namespace

std::vector<SystemdUnit> SystemdUnitsOf(const HostedService& service) {
  std::vector<SystemdUnit> units;
  for (size_t i = 0; i < service.sockets.size(); ++i) {
    units.push_back(SocketUnit(service, i));
  }
  units.push_back(ServiceUnit(service));
  return units;
}

}  // namespace fdrpc::host
