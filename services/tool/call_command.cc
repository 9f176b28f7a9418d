#include <iostream>
#include <iterator>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/method_call.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

using program::CommandLine;
using Arity = CommandLine::Arity;

constexpr char kHelp[] =
    R"(Calls METHOD, package.Service/Method, and prints each reply as it arrives: as JSON
(protobuf's own mapping), one line each. JSON is the request, {} if there is none,
or -, which stands for standard input. A method with a stream of requests takes all
that are given, or the lines of standard input.

In place of a field of type fdrpc.Fd, a request has {"$fd": TEXT} with one of
  r:PATH w:PATH rw:PATH a:PATH   a file for reading, writing (emptied first), both,
                                 appending; created if necessary, except for r:
  dir:PATH path:PATH             a directory; a file opened with O_PATH
  fd:N, or a number              an inherited descriptor
  stdin stdout stderr
  memfd:TEXT                     a memory file that contains TEXT
  pipe:r                         a pipe to read from, which standard input feeds
  pipe:w                         a pipe to write to; it goes to standard output
and a reply what arrived:
  {"$fd":"regular file","access":"reading","size":12,"path":"/tmp/x"})";

absl::Status AddMetadata(const std::string& text, Metadata& metadata) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--metadata ", text, " is not KEY=VALUE"));
  }
  const std::string key = text.substr(0, equals);
  std::string value = text.substr(equals + 1);
  if (absl::EndsWith(key, "-bin")) {
    std::string bytes;
    if (!absl::Base64Unescape(value, &bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--metadata ", text, ": the value of a key in -bin is base64"));
    }
    value = bytes;
  }
  metadata.Add(key, value);
  return absl::OkStatus();
}

int RunCall(const CommandLine& line) {
  const absl::StatusOr<Target> target =
      Target::Parse(line, absl::InfiniteDuration());
  if (!target.ok()) return FailUsage(target.status());
  if (line.operands().size() < 2) {
    return FailUsage(absl::InvalidArgumentError(
        "call: it takes an ADDRESS, a METHOD and perhaps JSON"));
  }
  MethodCall::Settings settings;
  settings.call = target->call();
  settings.verbose = line.Has("verbose");
  settings.requests.assign(line.operands().begin() + 2, line.operands().end());
  for (const std::string& text : line.GetAll("metadata")) {
    absl::Status added = AddMetadata(text, settings.call.metadata);
    if (!added.ok()) return FailUsage(added);
  }
  const absl::StatusOr<Channel> channel =
      target->ConnectForCalls(line.operands()[0]);
  if (!channel.ok()) return FailUsage(channel.status());
  int exit = kExitOk;
  const auto found = target->FindMethod(line.operands()[0], *channel,
                                        line.operands()[1], exit);
  if (!found.has_value()) return exit;
  const google::protobuf::MethodDescriptor& method = found->method;
  if (!method.client_streaming()) {
    if (settings.requests.size() > 1) {
      return FailUsage(absl::InvalidArgumentError(
          absl::StrCat("call: ", line.operands()[1], " takes one request, and ",
                       settings.requests.size(), " are given")));
    }
    if (settings.requests == std::vector<std::string>{"-"}) {
      settings.requests[0].assign(std::istreambuf_iterator<char>(std::cin), {});
    }
  } else if (settings.requests == std::vector<std::string>{"-"}) {
    settings.requests.clear();  // the lines of standard input
  }
  const ReceivedDescriptors received(line.GetAll("save"),
                                     line.Get("exec").value_or(""));
  const std::shared_ptr<Caller> caller = *channel;
  return MethodCall(method, received, settings).Run(*caller);
}

}  // namespace

Command CallCommand() {
  return {
      .name = "call",
      .operands = "ADDRESS METHOD [JSON]...",
      .summary = "calls a method",
      .help = kHelp,
      .options = Joined(
          {{{{"metadata", Arity::kRepeated, 'm'},
             "KEY=VALUE",
             "is sent with the call; the value of a key in -bin is base64"},
            {{"verbose", Arity::kFlag, 'v'},
             "",
             "prints headers, trailers and the status to standard error"},
            {{"save", Arity::kRepeated, 's'},
             "[FIELD=]FILE",
             "copies what can be read from a received descriptor (of FIELD,\n"
             "such as files[1], or the first one) to FILE; - stands for\n"
             "standard output, where the reply is not printed then",
             Command::Option::Values::kFiles},
            {{"exec", Arity::kOnce, 'x'},
             "COMMAND",
             "for each reply, runs COMMAND by sh with the descriptors as 3, "
             "4\nand so on, and the names of their fields in FDRPC_FIELDS; "
             "if it\nfails, fdrpc ends with its exit status"}},
           CallOptionsOfCommands(),
           ServerOptionsOfCommands(),
           SchemaOptionsOfCommands()}),
      .run = RunCall};
}

}  // namespace fdrpc::tool
