// fdrpc-hostctl: a client of fdrpc.host.v1.Host.
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/host/v1/host.fdrpc.h"
#include "services/host/hostctl_settings.h"
#include "services/host/status_text.h"
#include "services/program/one_line.h"
#include "services/program/standard_streams.h"

namespace fdrpc::host {
namespace {

constexpr char kHostctlUsage[] =
    R"(usage: fdrpc-hostctl [OPTION]... COMMAND [NAME]

Controls the services of fdrpc-host. NAME is a service's.

  list           prints all services: state, process, how often one was started,
                 failures in a row, and how the last process ended
  status NAME    prints all that is known of one
  start NAME     starts it, and waits until it is ready; a failed one gets its
                 attempts anew
  stop NAME      ends its process; clients wait from then on
  restart NAME   replaces its process, once the new one is ready
  reload         reads the configuration again, and prints what has changed
  logs NAME      prints the last lines of its output
  watch          prints the state of each service, and each change
  upgrade        replaces the host process by the program that is installed now;
                 services go on

  --host ADDRESS       as fdrpc-host was given it with --control; without it,
                       unix:/run/fdrpc-host.sock
  -f, --follow         of logs: goes on with new lines
  -n, --lines NUMBER   of logs: how many lines of the past (10)
  --timeout TIME       how long a call may take: 500ms, 5s, 1m, inf (inf)
  --wait               waits, as long as that, for a host that is not there yet
  --help               prints this

Exit status:
  0       it is done
  1       a service could not be reloaded, or the output not be written
  2       fdrpc-hostctl is used wrongly
  10 + S  the host, or the way to it, failed with status number S: 14 is
          DEADLINE_EXCEEDED, 15 NOT_FOUND, 17 PERMISSION_DENIED, 19
          FAILED_PRECONDITION, 24 UNAVAILABLE, …
)";

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitStatusBase = 10;

// Between two looks at whether the next host process is there.
constexpr absl::Duration kUpgradeInterval = absl::Milliseconds(10);

// What a command has come to: a status of the host, or the exit status.
using Outcome = absl::StatusOr<int>;

// What is wrong with a configuration may be several lines.
std::string ErrorText(const absl::Status& status) {
  std::vector<std::string> lines =
      absl::StrSplit(std::string(status.message()), '\n');
  for (std::string& line : lines) line = program::OneLine(line);
  return absl::StrJoin(lines, "\n");
}

Outcome Print(const std::string& text) {
  std::cout << text << std::flush;
  return std::cout ? 0 : kExitFailed;
}

Outcome Print(const absl::StatusOr<v1::ServiceStatus>& status) {
  if (!status.ok()) return status.status();
  return Print(StatusText(*status, absl::Now()));
}

Outcome List(const v1::Host::Stub& host, const HostctlSettings& settings) {
  const absl::StatusOr<v1::ListReply> list =
      host.List(v1::ListRequest(), settings.call);
  if (!list.ok()) return list.status();
  return Print(StatusTable(*list, absl::Now()));
}

Outcome Reload(const v1::Host::Stub& host, const HostctlSettings& settings) {
  const absl::StatusOr<v1::ReloadReply> reply =
      host.Reload(v1::ReloadRequest(), settings.call);
  if (!reply.ok()) return reply.status();
  const Outcome printed = Print(ReloadText(*reply));
  for (const v1::ReloadReply::Outcome& outcome : reply->outcomes()) {
    if (outcome.change() == v1::ReloadReply::Outcome::CHANGE_FAILED) {
      return kExitFailed;
    }
  }
  return printed;
}

std::string LineText(const v1::LogLine& line) {
  const absl::Time time =
      absl::FromUnixMicros(static_cast<int64_t>(line.time_us()));
  return absl::StrCat(
      absl::FormatTime("%Y-%m-%d %H:%M:%E3S", time, absl::LocalTimeZone()), " ",
      line.pid() == 0 ? "host" : absl::StrCat(line.pid()), ": ",
      program::OneLine(line.text()), line.truncated() ? "…" : "", "\n");
}

Outcome Logs(const v1::Host::Stub& host, const HostctlSettings& settings) {
  v1::LogsRequest request;
  request.set_name(settings.name);
  request.set_lines(settings.lines);
  request.set_follow(settings.follow);
  auto lines = host.Logs(request, settings.call);
  while (const std::optional<v1::LogLine> line = lines.Read()) {
    const Outcome printed = Print(LineText(*line));
    if (*printed != 0) return printed;
  }
  const absl::Status status = lines.Finish();
  if (!status.ok()) return status;
  return 0;
}

Outcome Watch(const v1::Host::Stub& host, const HostctlSettings& settings) {
  auto changes = host.Watch(v1::WatchRequest(), settings.call);
  while (const std::optional<v1::ServiceStatus> change = changes.Read()) {
    const Outcome printed = Print(absl::StrCat(ChangeText(*change), "\n"));
    if (*printed != 0) return printed;
  }
  const absl::Status status = changes.Finish();
  if (!status.ok()) return status;
  return 0;
}

Outcome Upgrade(const v1::Host::Stub& host, const HostctlSettings& settings) {
  const absl::StatusOr<v1::UpgradeReply> reply =
      host.Upgrade(v1::UpgradeRequest(), settings.call);
  if (!reply.ok()) return reply.status();
  CallOptions call = settings.call;
  call.wait_for_ready = true;
  while (true) {
    const absl::StatusOr<v1::ListReply> list =
        host.List(v1::ListRequest(), call);
    if (!list.ok() && !absl::IsUnavailable(list.status())) return list.status();
    if (list.ok() && list->host_pid() != reply->host_pid()) return 0;
    absl::SleepFor(kUpgradeInterval);
  }
}

// For the requests that have nothing but the name.
template <typename Request>
Request Named(const HostctlSettings& settings) {
  Request request;
  request.set_name(settings.name);
  return request;
}

Outcome RunHostctl(const HostctlSettings& settings) {
  const absl::StatusOr<Channel> channel = Channel::Connect(settings.host);
  if (!channel.ok()) return channel.status();
  const v1::Host::Stub host(*channel);
  const std::string& command = settings.command;
  const CallOptions& call = settings.call;
  if (command == "list") return List(host, settings);
  if (command == "reload") return Reload(host, settings);
  if (command == "logs") return Logs(host, settings);
  if (command == "watch") return Watch(host, settings);
  if (command == "upgrade") return Upgrade(host, settings);
  if (command == "status") {
    return Print(host.GetStatus(Named<v1::GetStatusRequest>(settings), call));
  }
  if (command == "start") {
    return Print(host.Start(Named<v1::StartRequest>(settings), call));
  }
  if (command == "stop") {
    return Print(host.Stop(Named<v1::StopRequest>(settings), call));
  }
  return Print(host.Restart(Named<v1::RestartRequest>(settings), call));
}

int HostctlMain(int argc, char** argv) {
  if (!program::OccupyStandardStreams()) return kExitFailed;
  const absl::StatusOr<std::optional<HostctlSettings>> settings =
      ParseHostctlSettings(argc, argv);
  if (!settings.ok()) {
    std::cerr << "fdrpc-hostctl: " << settings.status().message()
              << "\nTry fdrpc-hostctl --help\n";
    return kExitUsage;
  }
  if (!settings->has_value()) {
    std::cout << kHostctlUsage;
    return 0;
  }
  const Outcome outcome = RunHostctl(**settings);
  if (outcome.ok()) return *outcome;
  const absl::Status& status = outcome.status();
  std::cerr << absl::StrCat(
      "fdrpc-hostctl: ", absl::StatusCodeToString(status.code()), ": ",
      ErrorText(status), "\n");
  return kExitStatusBase + status.raw_code();
}

}  // namespace
}  // namespace fdrpc::host

int main(int argc, char** argv) { return fdrpc::host::HostctlMain(argc, argv); }
