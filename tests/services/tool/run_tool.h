#ifndef FDRPC_TESTS_SERVICES_TOOL_RUN_TOOL_H_
#define FDRPC_TESTS_SERVICES_TOOL_RUN_TOOL_H_

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/program/program.h"

namespace fdrpc::testing {

inline constexpr char kEcho[] = "fdrpc.testing.TestService/Echo";
inline constexpr char kExchange[] = "fdrpc.testing.TestService/Exchange";
inline constexpr char kGet[] = "fdrpc.testing.TestService/Get";

// Runs fdrpc with these words.
inline Ending RunTool(std::vector<std::string> words,
                      const std::string& input = "") {
  words.insert(words.begin(), FDRPC_PROGRAM);
  return Run(words, {.input = input});
}

// Everything that a user sees of a good end.
inline std::string Output(const Ending& ending) {
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.errors, "");
  return ending.output;
}

// An end with an error: its exit status and one line.
inline void ExpectError(const Ending& ending, int exit_status,
                        const std::string& message) {
  EXPECT_EQ(ending.exit_status, exit_status) << ending.errors;
  EXPECT_THAT(ending.errors,
              ::testing::AllOf(::testing::MatchesRegex("fdrpc: [^\n]*\n"),
                               ::testing::HasSubstr(message)));
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_TOOL_RUN_TOOL_H_
