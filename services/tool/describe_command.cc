#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

int RunDescribe(const program::CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(10));
  if (!target.ok()) return FailUsage(target.status());
  std::vector<std::string> operands = line.operands();
  int exit = kExitOk;
  const auto schema = target->OpenSchema(operands, exit);
  if (schema == nullptr) return exit;
  if (operands.empty()) {
    const auto services = schema->Services();
    if (!services.ok()) return FailCall(services.status());
    operands = *services;
  }
  bool first = true;
  for (const std::string& symbol : operands) {
    const auto text = schema->Describe(symbol);
    if (!text.ok()) {
      return target->has_schema() ? Fail(text.status())
                                  : FailCall(text.status());
    }
    std::cout << (first ? "" : "\n") << *text;
    first = false;
  }
  return kExitOk;
}

}  // namespace

Command DescribeCommand() {
  return {
      .name = "describe",
      .operands = "ADDRESS [SYMBOL]...",
      .summary = "shows services and messages as in a .proto file",
      .help =
          "Prints what each SYMBOL is: the full name of a service, method "
          "(package.Service/Method),\nmessage, field, enum or extension, or "
          "a .proto file; without one, all services.\nComments are there if "
          "the server's code was generated with REFLECTION, the rules\nof "
          "descriptor fields always. With --proto or --descriptor-set there "
          "is no ADDRESS.",
      .options = Joined({ServerOptionsOfCommands(), SchemaOptionsOfCommands()}),
      .run = RunDescribe};
}

}  // namespace fdrpc::tool
