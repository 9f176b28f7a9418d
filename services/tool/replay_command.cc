#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/capture/event_reader.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/given_descriptor.h"
#include "services/tool/message_types.h"
#include "services/tool/replay.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

using capture::Event;
using capture::EventReader;
using capture::RecordingReader;
using program::CommandLine;
using Arity = CommandLine::Arity;

absl::StatusOr<std::vector<Event>> ReadEvents(const std::string& file) {
  absl::StatusOr<RecordingReader> recording = RecordingReader::Open(file);
  if (!recording.ok()) return recording.status();
  EventReader reader(*std::move(recording));
  std::vector<Event> events;
  while (true) {
    absl::StatusOr<std::optional<Event>> event = reader.Next();
    if (!event.ok()) return event.status();
    if (!event->has_value()) return events;
    events.push_back(**std::move(event));
  }
}

// The given .proto files; or null, if the recording has some; or else those of
// the server.
absl::StatusOr<std::unique_ptr<Schema>> SchemaOf(
    const Target& target, const std::vector<Event>& events,
    const std::string& address) {
  if (target.has_schema()) return target.OpenSchema(std::nullopt);
  for (const Event& event : events) {
    if (event.kind == Event::Kind::kSchema) return nullptr;
  }
  const absl::StatusOr<Channel> channel = target.Connect(address);
  if (!channel.ok()) return channel.status();
  auto schema = target.OpenSchema(*channel);
  if (!schema.ok()) return schema;
  // Whether the server answers at all, which would otherwise be a missing type.
  const auto services = (*schema)->Services();
  if (!services.ok()) return services.status();
  return schema;
}

int RunReplay(const CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(10));
  if (!target.ok()) return FailUsage(target.status());
  if (line.operands().size() != 2) {
    return FailUsage(
        absl::InvalidArgumentError("replay: it takes a FILE and an ADDRESS"));
  }
  const std::string& address = line.operands()[1];
  const std::string fd = line.Get("fd").value_or("");
  if (line.Has("fd")) {
    const absl::StatusOr<GivenDescriptor> given = OpenDescriptor(fd);
    if (!given.ok()) {
      return absl::IsInvalidArgument(given.status()) ? FailUsage(given.status())
                                                     : Fail(given.status());
    }
    if (given->feed.ok() || given->output.ok()) {
      return FailUsage(absl::InvalidArgumentError(absl::StrCat(
          "--fd ", fd, ": nobody would use the pipe's other end")));
    }
  }
  if (const auto channel = target->Connect(address); !channel.ok()) {
    return FailUsage(channel.status());
  }
  const absl::StatusOr<std::vector<Event>> events =
      ReadEvents(line.operands()[0]);
  if (!events.ok()) return Fail(events.status());
  auto schema = SchemaOf(*target, *events, address);
  if (!schema.ok()) {
    return target->has_schema() ? Fail(schema.status())
                                : FailCall(schema.status());
  }
  MessageTypes types(*std::move(schema));
  for (const Event& event : *events) {
    if (event.kind != Event::Kind::kSchema) continue;
    const absl::Status used = types.Use(event);
    if (!used.ok()) return Fail(used);
  }
  const Replay::Settings settings = {
      .connect = [&] { return target->Connect(address); },
      .timeout = absl::Duration(target->call().timeout),
      .wait_for_ready = target->call().wait_for_ready,
      .timing = line.Has("timing"),
      .fd = fd};
  const absl::StatusOr<Replay::Result> result =
      Replay(types, settings, std::cout).Run(*events);
  if (!result.ok()) {
    return absl::IsUnavailable(result.status()) ? FailCall(result.status())
                                                : Fail(result.status());
  }
  std::cout << result->same << " calls as recorded, " << result->different
            << " different, " << result->skipped << " skipped\n";
  return result->different == 0 ? kExitOk : kExitDifferent;
}

}  // namespace

Command ReplayCommand() {
  return {
      .name = "replay",
      .operands = "FILE ADDRESS",
      .summary = "makes the calls of a recording again",
      .help =
          "Makes the calls that FILE has, of fdrpc capture, again to the "
          "server "
          "at ADDRESS, and\nprints each status and reply that is another than "
          "the recorded one. A connection is made\nfor each that is recorded. "
          "A request is sent when everything has arrived that had arrived\n"
          "before it. Metadata and texts of statuses are not compared, and of "
          "descriptors only\nkind and access. Ends with 4 if there is a "
          "difference.\n\n"
          "Calls back, calls of unknown methods, and without --fd those whose "
          "requests have\ndescriptors, are skipped.",
      .options = Joined(
          {{{{"fd", Arity::kOnce},
             "TEXT",
             "a descriptor to send for each in recorded requests, such as\n"
             "r:FILE; fdrpc call --help has all forms"},
            {{"timing", Arity::kFlag},
             "",
             "sends each request at its recorded time, not before"},
            {{"timeout", Arity::kOnce, 't'},
             "TIME",
             "how long a call without a recorded deadline may take, or another "
             "one longer than recorded (10s)"},
            {{"wait", Arity::kFlag, 'w'},
             "",
             "waits, as long as that, for a server that is not there yet"}},
           SchemaOptionsOfCommands()}),
      .run = RunReplay};
}

}  // namespace fdrpc::tool
