#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

using program::CommandLine;

// A line for each method: "  Get(pkg.GetRequest) returns (stream pkg.Entry)".
absl::Status PrintMethods(Schema& schema, const std::string& name) {
  const auto service = schema.FindService(name);
  if (!service.ok()) return service.status();
  for (int i = 0; i < (*service)->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *(*service)->method(i);
    std::cout << "  " << std::string(method.name()) << "("
              << (method.client_streaming() ? "stream " : "")
              << std::string(method.input_type()->full_name()) << ") returns ("
              << (method.server_streaming() ? "stream " : "")
              << std::string(method.output_type()->full_name()) << ")\n";
  }
  return absl::OkStatus();
}

int RunList(const CommandLine& line) {
  const absl::StatusOr<Target> target = Target::Parse(line, absl::Seconds(10));
  if (!target.ok()) return FailUsage(target.status());
  const bool given = target->has_schema();
  if (line.operands().size() != (given ? 0 : 1)) {
    return FailUsage(absl::InvalidArgumentError(
        given ? "list: with --proto or --descriptor-set it takes no operand"
              : "list: it takes one ADDRESS"));
  }
  std::vector<std::string> operands = line.operands();
  int exit = kExitOk;
  const auto schema = target->OpenSchema(operands, exit);
  if (schema == nullptr) return exit;
  const auto services = schema->Services();
  if (!services.ok()) return FailCall(services.status());
  for (const std::string& service : *services) {
    std::cout << service << "\n";
    if (!line.Has("methods")) continue;
    if (absl::Status status = PrintMethods(*schema, service); !status.ok()) {
      return given ? Fail(status) : FailCall(status);
    }
  }
  return kExitOk;
}

}  // namespace

Command ListCommand() {
  return {.name = "list",
          .operands = "ADDRESS",
          .summary = "lists the services of a server",
          .help =
              "Prints the names of the services at ADDRESS, which the "
              "server tells by\nreflection, or those in given .proto files.",
          .options =
              Joined({{{{"methods", CommandLine::Arity::kFlag, 'm'},
                        "",
                        "also prints each service's methods with their types"}},
                      ServerOptionsOfCommands(),
                      SchemaOptionsOfCommands()}),
          .run = RunList};
}

}  // namespace fdrpc::tool
