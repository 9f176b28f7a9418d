#include <iostream>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.fdrpc.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/target.h"

namespace fdrpc::tool {
namespace {

namespace v1 = grpc::health::v1;

int Print(const v1::HealthCheckResponse& reply) {
  std::cout << v1::HealthCheckResponse::ServingStatus_Name(reply.status())
            << std::endl;
  return reply.status() == v1::HealthCheckResponse::SERVING ? kExitOk
                                                            : kExitNotServing;
}

int FailHealth(const absl::Status& status) {
  if (!absl::IsUnimplemented(status)) return FailCall(status);
  return FailCall(absl::UnimplementedError(
      absl::StrCat("the server has no health service (fdrpc::EnableHealth()): ",
                   status.message())));
}

int RunHealth(const program::CommandLine& line) {
  const bool watches = line.Has("watch");
  const absl::StatusOr<Target> target = Target::Parse(
      line, watches ? absl::InfiniteDuration() : absl::Seconds(10));
  if (!target.ok()) return FailUsage(target.status());
  if (line.operands().empty() || line.operands().size() > 2) {
    return FailUsage(absl::InvalidArgumentError(
        "health: it takes an ADDRESS and perhaps a SERVICE"));
  }
  const absl::StatusOr<Channel> channel = target->Connect(line.operands()[0]);
  if (!channel.ok()) return FailUsage(channel.status());
  v1::Health::Stub health(*channel);
  v1::HealthCheckRequest request;
  if (line.operands().size() == 2) request.set_service(line.operands()[1]);
  if (!watches) {
    const auto reply = health.Check(request, target->call());
    if (reply.ok()) return Print(*reply);
    if (!absl::IsNotFound(reply.status())) return FailHealth(reply.status());
    std::cout << "SERVICE_UNKNOWN\n";
    return kExitNotServing;
  }
  auto statuses = health.Watch(request, target->call());
  while (const std::optional<v1::HealthCheckResponse> reply = statuses.Read()) {
    Print(*reply);
  }
  const absl::Status end = statuses.Finish();
  return end.ok() ? kExitOk : FailHealth(end);
}

}  // namespace

Command HealthCommand() {
  return {.name = "health",
          .operands = "ADDRESS [SERVICE]",
          .summary = "tells whether a server or a service serves",
          .help =
              "Prints SERVING, NOT_SERVING, SERVICE_UNKNOWN or UNKNOWN: what "
              "the server's health\nservice says of SERVICE, or of the whole "
              "server. Ends with 0 if that is SERVING, and\nwith 3 otherwise.",
          .options = Joined(
              {{{{"watch", program::CommandLine::Arity::kFlag},
                 "",
                 "prints each new status until the server ends (then with its\n"
                 "error); without --timeout for any time"}},
               ServerOptionsOfCommands()}),
          .run = RunHealth};
}

}  // namespace fdrpc::tool
