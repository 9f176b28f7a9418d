#ifndef FDRPC_SERVICES_TOOL_COMMAND_H_
#define FDRPC_SERVICES_TOOL_COMMAND_H_

#include <string>
#include <string_view>
#include <vector>

#include "services/program/command_line.h"

namespace fdrpc::tool {

// One of the program's commands. Parsing, help and the completion of shells
// follow from it.
struct Command {
  struct Option {
    program::CommandLine::Option option;
    std::string_view value;  // "FILE"; empty for a flag
    std::string_view help;   // lines
    // What shells complete the value with.
    enum class Values {
      kOthers,
      kFiles,
      kDirectories
    } values = Values::kOthers;
  };

  std::string_view name;
  std::string_view operands;  // "ADDRESS [SYMBOL]"
  std::string_view summary;   // a line
  std::string_view help;      // paragraphs
  std::vector<Option> options;
  // Returns the exit status.
  int (*run)(const program::CommandLine& line);
};

// All of them, in the order of the help.
const std::vector<Command>& Commands();
// Null if there is none.
const Command* FindCommand(std::string_view name);

// "fdrpc --help", and "fdrpc NAME --help".
std::string Help();
std::string HelpOf(const Command& command);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_COMMAND_H_
