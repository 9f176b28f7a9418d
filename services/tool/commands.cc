#include "services/tool/commands.h"

namespace fdrpc::tool {

const std::vector<Command>& Commands() {
  static const auto& commands = *new std::vector<Command>{
      ListCommand(),    DescribeCommand(), CallCommand(),
      HealthCommand(),  BenchCommand(),    TopCommand(),
      CaptureCommand(), ShowCommand(),     ReplayCommand(),
      PsCommand(),      InitCommand(),     CompletionCommand()};
  return commands;
}

}  // namespace fdrpc::tool
