#include "services/tool/command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace fdrpc::tool {
namespace {

constexpr char kExitStatuses[] = R"(
Exit status:
  0   it worked; of a call: the server's status is OK
  1   something of this program failed, such as a file
  2   it is used wrongly
  3   health: the service does not serve, or is not known
  4   replay: a status or a reply is another than the recorded one
  a call that failed ends with 10 + the number of its status:
  11  CANCELLED             19  FAILED_PRECONDITION
  12  UNKNOWN               20  ABORTED
  13  INVALID_ARGUMENT      21  OUT_OF_RANGE
  14  DEADLINE_EXCEEDED     22  UNIMPLEMENTED
  15  NOT_FOUND             23  INTERNAL
  16  ALREADY_EXISTS        24  UNAVAILABLE
  17  PERMISSION_DENIED     25  DATA_LOSS
  18  RESOURCE_EXHAUSTED    26  UNAUTHENTICATED
Errors are one line on standard error.
)";

// "-v, --verbose" or "    --save FILE".
std::string Form(const Command::Option& option) {
  std::string form =
      option.option.letter == 0
          ? "    "
          : absl::StrCat("-", std::string(1, option.option.letter), ", ");
  absl::StrAppend(&form, "--", std::string(option.option.name));
  if (!option.value.empty()) {
    absl::StrAppend(&form, " ", std::string(option.value));
  }
  return form;
}

}  // namespace

const Command* FindCommand(std::string_view name) {
  const auto found = std::find_if(
      Commands().begin(), Commands().end(),
      [&](const Command& command) { return command.name == name; });
  return found == Commands().end() ? nullptr : &*found;
}

std::string Help() {
  std::string help =
      "usage: fdrpc COMMAND [ARGUMENT]...\n"
      "\n"
      "Looks at fdrpc servers, and calls them.\n"
      "\n";
  for (const Command& command : Commands()) {
    absl::StrAppendFormat(&help, "  %-11s %s\n", std::string(command.name),
                          std::string(command.summary));
  }
  absl::StrAppend(&help,
                  "\n"
                  "fdrpc COMMAND --help tells more about a command.\n"
                  "\n"
                  "An ADDRESS is unix:/path, unix:relative-path or "
                  "unix:@abstract-name, the\n"
                  "same with unix-seqpacket: or unix-dgram:, or fd:N, a "
                  "connected socket that\n"
                  "was inherited.\n",
                  kExitStatuses);
  return help;
}

std::string HelpOf(const Command& command) {
  std::string help = absl::StrCat("usage: fdrpc ", std::string(command.name));
  if (!command.options.empty()) absl::StrAppend(&help, " [OPTION]...");
  absl::StrAppend(&help, command.operands.empty() ? "" : " ",
                  std::string(command.operands), "\n\n",
                  std::string(command.help), "\n");
  if (!command.options.empty()) absl::StrAppend(&help, "\n");
  size_t width = 0;
  for (const Command::Option& option : command.options) {
    width = std::max(width, Form(option).size());
  }
  for (const Command::Option& option : command.options) {
    std::string form = Form(option);
    for (const auto line : absl::StrSplit(std::string(option.help), '\n')) {
      absl::StrAppendFormat(&help, "  %-*s  %s\n", static_cast<int>(width),
                            form, line);
      form.clear();
    }
  }
  return help;
}

}  // namespace fdrpc::tool
