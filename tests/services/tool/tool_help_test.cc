// What the program fdrpc does without a server.
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/tool/command.h"
#include "tests/services/program/program.h"
#include "tests/services/tool/run_tool.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ToolHelp, IsThereForEveryCommand) {
  const std::string help = Output(RunTool({"help"}));
  EXPECT_THAT(help, HasSubstr("24  UNAVAILABLE"));
  for (const char* command :
       {"list", "describe", "call", "health", "bench", "ps", "init",
        "completion", "capture", "show", "replay"}) {
    EXPECT_THAT(help, HasSubstr(absl::StrCat("\n  ", command, " ")));
    const std::string about = Output(RunTool({command, "--help"}));
    EXPECT_THAT(about, HasSubstr(absl::StrCat("usage: fdrpc ", command)));
    EXPECT_EQ(about, Output(RunTool({"help", command})));
  }
}

// Each command and option of the help.
TEST(ToolManual, IsComplete) {
  std::ifstream file(FDRPC_MANUAL);
  std::string manual(std::istreambuf_iterator<char>(file), {});
  manual = absl::StrReplaceAll(manual, {{"\\-", "-"}});
  for (const tool::Command& command : tool::Commands()) {
    EXPECT_THAT(manual, HasSubstr(absl::StrCat("\n.B fdrpc ",
                                               std::string(command.name))));
    for (const auto& option : command.options) {
      EXPECT_THAT(manual, HasSubstr(absl::StrCat(
                              "--", std::string(option.option.name))));
    }
  }
}

TEST(ToolInit, MakesAProjectAndOverwritesNothing) {
  const TempDir dir;
  const auto init = [&] {
    return ::fdrpc::testing::Run(
        {"/bin/sh", "-c",
         absl::StrCat("cd ", dir.path(),
                      " && exec " FDRPC_PROGRAM " init some_name")});
  };
  EXPECT_THAT(Output(init()), HasSubstr("some_name/some_name.proto\n"));
  std::ifstream file(dir.file("some_name/CMakeLists.txt"));
  EXPECT_THAT(std::string(std::istreambuf_iterator<char>(file), {}),
              HasSubstr("project(some_name LANGUAGES CXX)"));
  ExpectError(init(), 1, "some_name: File exists");
}

TEST(ToolCompletion, IsAcceptedByBashAndCompletesCommandsAndOptions) {
  const std::string script = Output(RunTool({"completion", "bash"})) + R"(
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _fdrpc
  echo "${COMPREPLY[*]}"
}
complete_words fdrpc cal
complete_words fdrpc call --ver
)";
  EXPECT_EQ(Output(::fdrpc::testing::Run({"/bin/bash", "-euc", script})),
            "call\n--verbose\n");
  EXPECT_THAT(Output(RunTool({"completion", "zsh"})),
              AllOf(HasSubstr("#compdef fdrpc"), HasSubstr("--verbose[")));
  EXPECT_THAT(Output(RunTool({"completion", "fish"})),
              HasSubstr("-l verbose -s v"));
}

}  // namespace
}  // namespace fdrpc::testing
