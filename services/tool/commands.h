#ifndef FDRPC_SERVICES_TOOL_COMMANDS_H_
#define FDRPC_SERVICES_TOOL_COMMANDS_H_

#include "services/tool/command.h"

namespace fdrpc::tool {

// The commands, each in a file of its own.
Command ListCommand();
Command DescribeCommand();
Command CallCommand();
Command HealthCommand();
Command BenchCommand();
Command TopCommand();
Command CaptureCommand();
Command ShowCommand();
Command ReplayCommand();
Command PsCommand();
Command InitCommand();
Command CompletionCommand();

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_COMMANDS_H_
