#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/unique_fd.h"
#include "services/capture/capture.h"
#include "services/capture/recording_writer.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

using capture::Capture;
using capture::RecordingWriter;
using program::CommandLine;
using Arity = CommandLine::Arity;

// The .proto files to record: those that are given, or those of the server.
absl::StatusOr<std::string> SerializedSchema(const Target& target,
                                             const std::string& server) {
  std::optional<Channel> channel;
  if (!target.has_schema()) {
    absl::StatusOr<Channel> connected = target.Connect(server);
    if (!connected.ok()) return connected.status();
    channel = *std::move(connected);
  }
  const auto schema = target.OpenSchema(channel);
  if (!schema.ok()) return schema.status();
  const auto files = (*schema)->Files();
  if (!files.ok()) return files.status();
  return files->SerializeAsString();
}

// Readable at the first signal that ends a program.
UniqueFd StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) return UniqueFd();
  return UniqueFd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

int RunCapture(const CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(1));
  if (!target.ok()) return FailUsage(target.status());
  const auto address = line.Get("listen");
  const auto file = line.Get("output");
  if (line.operands().size() != 1 || !address.has_value() ||
      !file.has_value()) {
    return FailUsage(absl::InvalidArgumentError(
        "capture: it takes an ADDRESS, --listen ADDRESS and --output FILE"));
  }
  const std::string& server = line.operands()[0];
  // First, so that no thread is started that would take the signals.
  const UniqueFd stop = StopSignals();
  if (!stop.ok()) return Fail(absl::ErrnoToStatus(errno, "signalfd"));
  absl::StatusOr<Capture> sockets =
      Capture::Listen(server, *address, line.Has("all-users"));
  if (!sockets.ok()) {
    return absl::IsInvalidArgument(sockets.status())
               ? FailUsage(sockets.status())
               : Fail(sockets.status());
  }
  const absl::StatusOr<std::string> schema = SerializedSchema(*target, server);
  if (!schema.ok() && target->has_schema()) return Fail(schema.status());
  absl::StatusOr<RecordingWriter> writer = RecordingWriter::Create(
      *file, absl::StrCat(server, " by ", *address), stop.get());
  if (!writer.ok()) return Fail(writer.status());
  if (schema.ok()) {
    writer->Add(capture::RecordKind::kSchema, capture::Direction::kNone, 0, {},
                *schema);
  }
  if (*file != "-") {
    std::cout << "records " << OneLine(*address) << " in " << OneLine(*file)
              << (schema.ok() ? "" : ", without the server's .proto files")
              << std::endl;
  }
  const absl::Status ran =
      sockets->Run(*writer, stop.get(), [](const std::string& notice) {
        std::cerr << "fdrpc: " << OneLine(notice) << std::endl;
      });
  return ran.ok() ? kExitOk : Fail(ran);
}

}  // namespace

Command CaptureCommand() {
  return {
      .name = "capture",
      .operands = "ADDRESS --listen ADDRESS2 --output FILE",
      .summary = "records the calls between clients and a server",
      .help =
          "Accepts clients at ADDRESS2, connects each to the server at "
          "ADDRESS, "
          "and records the\nframes and descriptors that pass in both "
          "directions, "
          "until it is interrupted. FILE is\nfor fdrpc show, fdrpc replay and "
          "Wireshark, and has all that was said; - is standard\noutput.\n\n"
          "The server sees this program's process and user in place of the "
          "client's. So only root\nand this user may connect, unless "
          "--all-users is given. Connections have no rings in\nshared memory. "
          "Calls over sockets within messages are not recorded.",
      .options = Joined(
          {{{{"listen", Arity::kOnce, 'l'},
             "ADDRESS2",
             "where clients connect: unix:, unix-seqpacket: or unix-dgram:"},
            {{"output", Arity::kOnce, 'o'},
             "FILE",
             "where to record, in the format pcapng; is replaced",
             Command::Option::Values::kFiles},
            {{"all-users", Arity::kFlag},
             "",
             "lets the processes of all users connect"},
            {{"timeout", Arity::kOnce, 't'},
             "TIME",
             "how long the server may take to tell its .proto files (1s)"}},
           SchemaOptionsOfCommands()}),
      .run = RunCapture};
}

}  // namespace fdrpc::tool
