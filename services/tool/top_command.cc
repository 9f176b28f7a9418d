#include <unistd.h>

#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "fdrpc/prometheus.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"
#include "google/protobuf/util/json_util.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/target.h"
#include "services/tool/top_view.h"

namespace fdrpc::tool {
namespace {

namespace v1 = statistics::v1;
using program::CommandLine;

int FailTop(const absl::Status& status) {
  if (!absl::IsUnimplemented(status)) return FailCall(status);
  return FailCall(absl::UnimplementedError(absl::StrCat(
      "the server has no statistics service (fdrpc::EnableStatistics()): ",
      std::string(status.message()))));
}

absl::Status PrintJson(const v1::GetReply& reply) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  const auto made =
      google::protobuf::util::MessageToJsonString(reply, &json, options);
  if (!made.ok()) return absl::InternalError(made.ToString());
  std::cout << json << std::endl;
  return absl::OkStatus();
}

int RunTop(const CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(10));
  if (!target.ok()) return FailUsage(target.status());
  if (line.operands().size() != 1) {
    return FailUsage(absl::InvalidArgumentError("top: it takes one ADDRESS"));
  }
  absl::StatusOr<absl::Duration> interval =
      program::ParseTime(line.Get("interval").value_or("1s"));
  if (interval.ok() &&
      (*interval < absl::Milliseconds(10) || *interval > absl::Hours(24))) {
    interval =
        absl::InvalidArgumentError("top: --interval is from 10ms to 24h");
  }
  if (!interval.ok()) return FailUsage(interval.status());
  const bool prometheus = line.Has("prometheus");
  const bool once = line.Has("once") || prometheus;
  const bool json = line.Has("json");
  if (json && prometheus) {
    return FailUsage(absl::InvalidArgumentError(
        "top: --json and --prometheus are both given; give one of them"));
  }
  const bool redraws = !json && !once && isatty(STDOUT_FILENO) == 1;
  const absl::StatusOr<Channel> channel = target->Connect(line.operands()[0]);
  if (!channel.ok()) return FailUsage(channel.status());
  v1::Statistics::Stub server(*channel);
  std::optional<v1::GetReply> before;
  while (std::cout) {
    absl::StatusOr<v1::GetReply> now =
        server.Get(v1::GetRequest(), target->call());
    if (!now.ok()) return FailTop(now.status());
    if (prometheus) {
      std::cout << PrometheusText(*now);
    } else if (json) {
      const absl::Status printed = PrintJson(*now);
      if (!printed.ok()) return Fail(printed);
    } else {
      // To the corner, and after the text nothing of the former one.
      std::cout << (redraws  ? "\x1b[H\x1b[2J"
                    : before ? "\n"
                             : "")
                << TopText(*now, before ? &*before : nullptr) << std::flush;
    }
    if (once) return kExitOk;
    before = *std::move(now);
    absl::SleepFor(*interval);
  }
  return kExitOk;
}

}  // namespace

Command TopCommand() {
  return {
      .name = "top",
      .operands = "ADDRESS",
      .summary = "shows what a server does: connections, calls, latencies",
      .help =
          "Shows the methods of the server at ADDRESS with their calls, "
          "errors and latencies, its\nconnections with their processes, and "
          "what its users hold of which limits, again and\nagain; until it is "
          "interrupted, or the server ends (then with its error). On a "
          "terminal\neach view replaces the former one. The server needs "
          "fdrpc::EnableStatistics(), which by\ndefault is for root and the "
          "server's own user.",
      .options = Joined({{{{"interval", CommandLine::Arity::kOnce, 'i'},
                           "TIME",
                           "the time between two views (1s)"},
                          {{"once", CommandLine::Arity::kFlag},
                           "",
                           "one view, without rates"},
                          {{"json", CommandLine::Arity::kFlag, 'j'},
                           "",
                           "the server's reply as JSON, a line each"},
                          {{"prometheus", CommandLine::Arity::kFlag},
                           "",
                           "one view, in Prometheus' text format"}},
                         ServerOptionsOfCommands()}),
      .run = RunTop};
}

}  // namespace fdrpc::tool
