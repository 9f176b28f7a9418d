#include "services/tool/commands.h"

namespace fdrpc::tool {

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      ListCommand(),    DescribeCommand(), CallCommand(),
      HealthCommand(),  BenchCommand(),    TopCommand(),
#ifdef FDRPC_TOOL_HAS_RECORDINGS  // not with the shared library
      CaptureCommand(), ShowCommand(),     ReplayCommand(),
#endif
      PsCommand(),      InitCommand(),     CompletionCommand()};
  return commands;
}

}  // namespace fdrpc::tool
