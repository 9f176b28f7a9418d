// FDRPC_TRACE in a program that is a client, on every kind of address.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/program/program.h"
#include "tests/services/tool/live_server.h"
#include "tests/support/sanitized.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

const char kEcho[] = "fdrpc.testing.TestService/Echo";

std::string Content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

Ending RunTraced(const std::string& value, std::vector<std::string> words) {
  words.insert(words.begin(),
               {"/usr/bin/env", "FDRPC_TRACE=" + value, FDRPC_PROGRAM});
  return Run(words);
}

class TraceProgramTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { live_.Start(); }
  void TearDown() override { live_.Stop(); }

  // Calls a method that the program knows without asking the server.
  Ending Traced(const std::string& value,
                std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"call", "--proto", FDRPC_TEST_PROTO, "-t",
                                      "60s"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {live_.address(), kEcho, R"({"text": "hi"})"});
    return RunTraced(value, words);
  }

  LiveServer live_{GetParam()};
};

TEST_P(TraceProgramTest, WritesTheBeginningAndTheEndOfACall) {
  const Ending ending = Traced("calls");
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(
      ending.errors,
      MatchesRegex("[0-9:]+\\.[0-9]{6} [0-9]+/[0-9]+ client call 1: "
                   "fdrpc.testing.TestService/Echo begins, deadline in .*\n"
                   ".* client call 1: fdrpc.testing.TestService/Echo is call 1 "
                   "of connection 1\n"
                   ".* client call 1: fdrpc.testing.TestService/Echo ends "
                   "after .*: OK\n"));
}

TEST_P(TraceProgramTest, WritesOnlyErrorsIfAskedForStatuses) {
  EXPECT_EQ(Traced("statuses").errors, "");
  const Ending ending = Traced("statuses", {"-m", "status=5"});
  EXPECT_EQ(ending.exit_status, 15);
  EXPECT_THAT(ending.errors,
              ContainsRegex("client call 1: fdrpc.testing.TestService/Echo "
                            "ends after [^\n]*: NOT_FOUND: two.x0alines\n"));
}

TEST_P(TraceProgramTest, WritesConnectionsAndFramesToAFile) {
  const std::string file = live_.dir().file("trace");
  const Ending ending = Traced("connections,frames:" + file);
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  const std::string trace = Content(file);
  const bool has_name = !absl::StartsWith(GetParam(), "unix-dgram:");
  EXPECT_THAT(trace,
              AllOf(HasSubstr("client connection 1: to " +
                              (has_name ? live_.address() + ", process "
                                        : std::string("a pair of sockets"))),
                    HasSubstr("client connection 1: hello of the peer"),
                    HasSubstr("client connection 1 -> hello"),
                    HasSubstr("client connection 1 -> method, method 1"),
                    HasSubstr("client connection 1 -> open of call 1, method "
                              "1, "),
                    HasSubstr("client connection 1 <- hello"),
                    HasSubstr("client connection 1 <- status of call 1, status "
                              "0 OK, "),
                    Not(HasSubstr("client call"))));
}

TEST_P(TraceProgramTest, SaysWhyThereIsNoConnection) {
  live_.Stop();
  const Ending ending = Traced("connections");
  EXPECT_EQ(ending.exit_status, 24);
  EXPECT_THAT(ending.errors, HasSubstr("client does not connect: "));
}

// Under a sanitizer, where a process takes long to start, two of them.
std::vector<const char*> AllSchemes() {
  if (kSanitized) return {"unix:@", "unix-dgram:"};
  return {"unix:",       "unix:@",      "unix-seqpacket:", "unix-seqpacket:@",
          "unix-dgram:", "unix-dgram:@"};
}
INSTANTIATE_TEST_SUITE_P(, TraceProgramTest, ::testing::ValuesIn(AllSchemes()));

TEST(TraceValueTest, AWrongValueIsReportedAndChangesNothing) {
  LiveServer live("unix:");
  live.Start();
  const std::vector<std::string> list = {"list", live.address()};
  const Ending wrong = RunTraced("calls,nonsense", list);
  EXPECT_EQ(wrong.exit_status, 0);
  EXPECT_THAT(wrong.output, HasSubstr("fdrpc.testing.TestService\n"));
  EXPECT_EQ(wrong.errors,
            "fdrpc: FDRPC_TRACE: \"nonsense\" is not a kind of event; it takes "
            "some of statuses, calls, connections, frames, all, with commas "
            "between them, and then possibly a colon and a file; nothing is "
            "traced\n");
  const Ending no_file = RunTraced("calls:/nonexistent/file", list);
  EXPECT_EQ(no_file.exit_status, 0);
  EXPECT_EQ(no_file.errors,
            "fdrpc: FDRPC_TRACE: /nonexistent/file: No such file or directory; "
            "nothing is traced\n");
  EXPECT_EQ(RunTraced("", list).errors, "");
  live.Stop();
}

}  // namespace
}  // namespace fdrpc::testing
