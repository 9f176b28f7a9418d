#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"

namespace fdrpc::tool {
namespace {

using Values = Command::Option::Values;

// All options of a command whose values are of that kind, "a|b|c".
std::string Patterns(const Command& command, Values values) {
  std::string patterns;
  for (const Command::Option& option : command.options) {
    if (option.value.empty() || option.values != values) continue;
    absl::StrAppend(&patterns, patterns.empty() ? "" : "|", "--",
                    std::string(option.option.name));
    if (option.option.letter != 0) {
      absl::StrAppend(&patterns, "|-", std::string(1, option.option.letter));
    }
  }
  return patterns;
}

std::string FirstLine(std::string_view help) {
  return std::string(help.substr(0, help.find('\n')));
}

std::string Names() {
  std::string names;
  for (const Command& command : Commands()) {
    absl::StrAppend(&names, names.empty() ? "" : " ",
                    std::string(command.name));
  }
  return names;
}

void PrintBash() {
  std::cout << "# bash completion for fdrpc: source it, or install it as "
               "completions/fdrpc\n"
               "_fdrpc() {\n"
               "  local word=${COMP_WORDS[COMP_CWORD]} "
               "before=${COMP_WORDS[COMP_CWORD - 1]} options=\n"
               "  COMPREPLY=()\n"
               "  if ((COMP_CWORD == 1)); then\n"
               "    COMPREPLY=($(compgen -W '"
            << Names()
            << " help' -- \"$word\"))\n"
               "    return\n"
               "  fi\n"
               "  case ${COMP_WORDS[1]} in\n";
  for (const Command& command : Commands()) {
    std::cout << "  " << command.name << ")\n    options='--help";
    for (const Command::Option& option : command.options) {
      std::cout << " --" << option.option.name;
    }
    std::cout << "'\n    case $before in\n";
    const struct {
      Values values;
      const char* complete;
    } kinds[] = {
        {Values::kFiles, "COMPREPLY=($(compgen -f -- \"$word\"))"},
        {Values::kDirectories, "COMPREPLY=($(compgen -d -- \"$word\"))"},
        {Values::kOthers, ":"}};
    for (const auto& kind : kinds) {
      const std::string patterns = Patterns(command, kind.values);
      if (patterns.empty()) continue;
      std::cout << "    " << patterns << ") " << kind.complete
                << "; return ;;\n";
    }
    std::cout << "    esac ;;\n";
  }
  std::cout << "  help) options='" << Names()
            << "' ;;\n"
               "  esac\n"
               "  if [[ $word == -* || ${COMP_WORDS[1]} == help ]]; then\n"
               "    COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n"
               "  else\n"
               "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
               "  fi\n"
               "}\n"
               "complete -F _fdrpc fdrpc\n";
}

// A word in single quotes.
std::string ShellQuoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

void PrintZsh() {
  std::cout << "#compdef fdrpc\n"
               "# zsh completion for fdrpc\n"
               "local -a commands\n"
               "commands=(\n";
  for (const Command& command : Commands()) {
    std::cout << "  "
              << ShellQuoted(absl::StrCat(std::string(command.name), ":",
                                          std::string(command.summary)))
              << "\n";
  }
  std::cout << ")\n"
               "if ((CURRENT == 2)); then\n"
               "  _describe command commands\n"
               "  return\n"
               "fi\n"
               "case $words[2] in\n";
  for (const Command& command : Commands()) {
    std::cout << "  " << command.name
              << ") shift words; ((CURRENT--)); _arguments";
    for (const Command::Option& option : command.options) {
      // No brackets and colons, which have a meaning there.
      std::string help = FirstLine(option.help);
      for (char& c : help) {
        if (c == '[' || c == ']' || c == ':') c = ' ';
      }
      std::string spec = absl::StrCat(
          option.option.arity == program::CommandLine::Arity::kRepeated ? "*"
                                                                        : "",
          "--", std::string(option.option.name), "[", help, "]");
      if (!option.value.empty()) {
        absl::StrAppend(&spec, ": :",
                        option.values == Values::kFiles         ? "_files"
                        : option.values == Values::kDirectories ? "_directories"
                                                                : " ");
      }
      std::cout << " \\\n      " << ShellQuoted(spec);
    }
    std::cout << " \\\n      '*: :_files' ;;\n";
  }
  std::cout << "esac\n";
}

void PrintFish() {
  std::cout << "# fish completion for fdrpc\n"
               "complete -c fdrpc -n __fish_use_subcommand -f\n";
  for (const Command& command : Commands()) {
    std::cout << "complete -c fdrpc -n __fish_use_subcommand -f -a "
              << command.name << " -d "
              << ShellQuoted(std::string(command.summary)) << "\n";
    for (const Command::Option& option : command.options) {
      std::cout << "complete -c fdrpc -n '__fish_seen_subcommand_from "
                << command.name << "' -l " << option.option.name;
      if (option.option.letter != 0)
        std::cout << " -s " << option.option.letter;
      if (!option.value.empty()) {
        std::cout << (option.values == Values::kOthers ? " -x" : " -r");
      }
      std::cout << " -d " << ShellQuoted(FirstLine(option.help)) << "\n";
    }
  }
}

int RunCompletion(const program::CommandLine& line) {
  const std::string shell =
      line.operands().size() == 1 ? line.operands()[0] : "";
  if (shell == "bash") {
    PrintBash();
  } else if (shell == "zsh") {
    PrintZsh();
  } else if (shell == "fish") {
    PrintFish();
  } else {
    return FailUsage(absl::InvalidArgumentError(
        "completion: it takes the name of a shell: bash, zsh or fish"));
  }
  return kExitOk;
}

}  // namespace

Command CompletionCommand() {
  return {.name = "completion",
          .operands = "bash|zsh|fish",
          .summary = "prints the completion for a shell",
          .help =
              "Prints what a shell needs to complete fdrpc's commands and "
              "options. In bash:\n  source <(fdrpc completion bash)",
          .options = {},
          .run = RunCompletion};
}

}  // namespace fdrpc::tool
