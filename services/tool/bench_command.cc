#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/tool/bench_report.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/load_run.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

using program::CommandLine;
using Arity = CommandLine::Arity;

LoadRun* running = nullptr;  // for the signal's handler

// The number of an option, at least 1 and at most `most`; the default if it is
// not given.
template <typename Number>
absl::Status ParseNumber(const CommandLine& line, const char* option,
                         Number most, Number& number) {
  const auto text = line.Get(option);
  if (!text.has_value()) return absl::OkStatus();
  double value = 0;
  if (!absl::SimpleAtod(*text, &value) || !(value > 0) ||
      value > static_cast<double>(most) ||
      static_cast<double>(static_cast<Number>(value)) != value) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--", option, " ", *text, " is not a number from 1 to ", most));
  }
  number = static_cast<Number>(value);
  return absl::OkStatus();
}

struct Settings {
  LoadSettings load;
  int connections = 1;
};

absl::Status Parse(const CommandLine& line, Settings& settings) {
  absl::Status status =
      ParseNumber(line, "concurrency", 1024, settings.load.concurrency);
  if (status.ok()) {
    status = ParseNumber(line, "connections", 1024, settings.connections);
  }
  if (status.ok()) {
    status = ParseNumber<uint64_t>(line, "calls", uint64_t{1} << 53,
                                   settings.load.calls);
  }
  if (!status.ok()) return status;
  if (const auto text = line.Get("rate"); text.has_value()) {
    if (!absl::SimpleAtod(*text, &settings.load.rate) ||
        !(settings.load.rate > 0 && settings.load.rate <= 1e9)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--rate ", *text, " is not a number of calls in a second"));
    }
  }
  // Without a duration, a number of calls is the only end.
  absl::Duration duration =
      settings.load.calls > 0 ? absl::Hours(24 * 365) : absl::Seconds(10);
  if (const auto text = line.Get("duration"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) return time.status();
    duration = std::min(*time, absl::Hours(24 * 365));
  }
  settings.load.duration = absl::ToChronoNanoseconds(duration);
  return absl::OkStatus();
}

absl::Status Measure(const google::protobuf::MethodDescriptor& method,
                     const std::vector<std::shared_ptr<Caller>>& callers,
                     const LoadSettings& settings, LoadResult& result) {
  LoadRun run(method, callers, settings);
  running = &run;
  // The first one ends the measurement, and a second one the program.
  struct sigaction stop = {};
  stop.sa_handler = [](int) { running->Stop(); };
  stop.sa_flags = static_cast<int>(SA_RESETHAND);
  struct sigaction former;
  sigaction(SIGINT, &stop, &former);
  const bool shows = isatty(STDERR_FILENO) != 0;
  uint64_t before = 0;
  absl::Status status = run.Run(
      [&](uint64_t calls) {
        if (shows) {
          std::cerr << "\r" << calls << " calls, " << calls - before
                    << " calls/s  " << std::flush;
        }
        before = calls;
      },
      result);
  sigaction(SIGINT, &former, nullptr);
  running = nullptr;
  if (shows) std::cerr << "\r                                        \r";
  return status;
}

int Report(const CommandLine& line, const BenchTitle& title,
           const LoadResult& result) {
  if (const auto path = line.Get("html"); path.has_value()) {
    std::ofstream file(*path);
    file << BenchHtml(title, result);
    file.close();
    if (!file) {
      return Fail(
          absl::DataLossError(absl::StrCat(*path, " cannot be written")));
    }
  }
  if (line.Has("json")) {
    std::cout << BenchJson(title, result) << "\n";
  } else {
    std::cout << BenchText(title, result);
  }
  if (result.errors.empty()) return kExitOk;
  const auto worst = std::max_element(
      result.errors.begin(), result.errors.end(),
      [](const auto& a, const auto& b) { return a.second < b.second; });
  return FailCall(
      absl::Status(worst->first, absl::StrCat(result.failed(),
                                              " calls have failed, the first "
                                              "one with: ",
                                              result.first_error)));
}

int RunBench(const CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(10));
  if (!target.ok()) return FailUsage(target.status());
  Settings settings;
  if (absl::Status status = Parse(line, settings); !status.ok()) {
    return FailUsage(status);
  }
  if (line.operands().size() < 2 || line.operands().size() > 3) {
    return FailUsage(absl::InvalidArgumentError(
        "bench: it takes an ADDRESS, a METHOD and perhaps JSON"));
  }
  settings.load.call = target->call();
  if (line.operands().size() == 3) settings.load.request = line.operands()[2];
  std::vector<Channel> channels;
  for (int i = 0; i < settings.connections; ++i) {
    const absl::StatusOr<Channel> channel =
        target->ConnectForCalls(line.operands()[0]);
    if (!channel.ok()) return FailUsage(channel.status());
    channels.push_back(*channel);
  }
  int exit = kExitOk;
  const auto found = target->FindMethod(line.operands()[0], channels[0],
                                        line.operands()[1], exit);
  if (!found.has_value()) return exit;
  const google::protobuf::MethodDescriptor& method = found->method;
  if (method.client_streaming() || method.server_streaming()) {
    return FailUsage(absl::InvalidArgumentError(
        absl::StrCat(line.operands()[1],
                     " has a stream, and bench measures methods without")));
  }
  LoadResult result;
  const std::vector<std::shared_ptr<Caller>> callers(channels.begin(),
                                                     channels.end());
  const absl::Status status = Measure(method, callers, settings.load, result);
  if (!status.ok()) {
    return absl::IsInvalidArgument(status) ? FailUsage(status) : Fail(status);
  }
  return Report(line,
                {.address = line.operands()[0],
                 .method = line.operands()[1],
                 .concurrency = settings.load.concurrency,
                 .connections = settings.connections,
                 .rate = settings.load.rate},
                result);
}

}  // namespace

Command BenchCommand() {
  return {
      .name = "bench",
      .operands = "ADDRESS METHOD [JSON]",
      .summary = "measures how fast calls are",
      .help =
          "Calls METHOD again and again, and prints the rate, the "
          "percentiles of the latency and\na histogram. Interrupt it once to "
          "end early. With --rate, a call that starts late because\nothers "
          "took long counts from the time at which it was due.",
      .options = Joined(
          {{{{"concurrency", Arity::kOnce, 'c'},
             "N",
             "how many threads make calls, each one at a time (1)"},
            {{"connections", Arity::kOnce, 'C'},
             "N",
             "over how many connections they are distributed (1)"},
            {{"rate", Arity::kOnce, 'r'},
             "N",
             "calls in a second, of all threads; without it, as many as they "
             "can"},
            {{"duration", Arity::kOnce, 'd'},
             "TIME",
             "how long to measure (10s, or until all of --calls)"},
            {{"calls", Arity::kOnce, 'n'}, "N", "ends after so many calls"},
            {{"json", Arity::kFlag, 'j'}, "", "prints the results as JSON"},
            {{"html", Arity::kOnce},
             "FILE",
             "also writes a page with plots, which needs no network",
             Command::Option::Values::kFiles}},
           CallOptionsOfCommands(),
           ServerOptionsOfCommands(),
           SchemaOptionsOfCommands()}),
      .run = RunBench};
}

}  // namespace fdrpc::tool
