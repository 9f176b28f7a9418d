#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/capture/event_reader.h"
#include "services/tool/commands.h"
#include "services/tool/event_text.h"
#include "services/tool/exit_status.h"
#include "services/tool/message_types.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

using capture::Event;
using capture::EventReader;
using capture::RecordingReader;
using program::CommandLine;

int ShowEvents(RecordingReader recording, MessageTypes& types, bool json) {
  EventReader events(std::move(recording));
  std::optional<uint64_t> start_ns;
  while (true) {
    const absl::StatusOr<std::optional<Event>> event = events.Next();
    if (!event.ok()) {
      std::cout.flush();
      return Fail(event.status());
    }
    if (!event->has_value()) return kExitOk;
    if (!start_ns.has_value()) start_ns = (*event)->time_ns;
    if ((*event)->kind == Event::Kind::kSchema) {
      const absl::Status used = types.Use(**event);
      if (!used.ok()) return Fail(used);
    }
    if (json) {
      std::cout << EventJson(**event, types) << "\n";
    } else {
      std::cout << EventLines(**event, *start_ns, types);
    }
    // Standard input may be a recording that goes on.
    std::cout.flush();
    if (!std::cout) return kExitFailed;
  }
}

int RunShow(const CommandLine& line) {
  const absl::StatusOr<Target> target =
      Target::Parse(line, absl::InfiniteDuration());
  if (!target.ok()) return FailUsage(target.status());
  if (line.operands().size() != 1) {
    return FailUsage(absl::InvalidArgumentError("show: it takes one FILE"));
  }
  std::unique_ptr<Schema> schema;
  if (target->has_schema()) {
    auto given = target->OpenSchema(std::nullopt);
    if (!given.ok()) return Fail(given.status());
    schema = *std::move(given);
  }
  absl::StatusOr<RecordingReader> recording =
      RecordingReader::Open(line.operands()[0]);
  if (!recording.ok()) return Fail(recording.status());
  MessageTypes types(std::move(schema));
  return ShowEvents(*std::move(recording), types, line.Has("json"));
}

}  // namespace

Command ShowCommand() {
  return {
      .name = "show",
      .operands = "FILE",
      .summary = "prints a recording of fdrpc capture",
      .help =
          "Prints what FILE has, a line for each connection, call, message, "
          "descriptor and status,\nwith its time in seconds since the first "
          "one. -> is from the client, <- from the server.\nFILE may be -, "
          "standard input:\n\n"
          "  fdrpc capture unix:/run/x.sock --listen unix:/tmp/x.sock -o - | "
          "fdrpc show -\n\n"
          "Messages are JSON if the recording has the server's .proto files, "
          "or if they are given.",
      .options =
          Joined({{{{"json", CommandLine::Arity::kFlag, 'j'},
                    "",
                    "prints each line as JSON; times are UTC, durations in "
                    "nanoseconds"}},
                  SchemaOptionsOfCommands()}),
      .run = RunShow};
}

}  // namespace fdrpc::tool
