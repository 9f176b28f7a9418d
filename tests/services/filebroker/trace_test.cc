// FDRPC_TRACE in a program that is a server.
#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/broker.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using testing::Ending;
using ::testing::HasSubstr;
using testing::Pipe;
using testing::Program;

TEST(ServerTraceTest, WritesConnectionsCallsAndFrames) {
  testing::Tree tree;
  tree.Write("file", "content");
  const std::string address = tree.around().address();
  auto [read_end, write_end] = Pipe();
  Program server({"/usr/bin/env", "FDRPC_TRACE=all", FDRPC_FILEBROKER_PROGRAM,
                  "--root", tree.path(), "--listen", address},
                 {.standard_output = write_end.get()});
  write_end.Reset();
  ASSERT_NE(Program::ReadLine(read_end.get()), "");
  EXPECT_EQ(
      testing::Run({FDRPC_OPEN_PROGRAM, "--server", address, "file"}).output,
      "content");
  EXPECT_NE(testing::Run({FDRPC_OPEN_PROGRAM, "--server", address, "missing"})
                .exit_status,
            0);
  server.Signal(SIGTERM);
  const Ending ending = server.Wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(
      ending.errors,
      AllOf(ContainsRegex(absl::StrCat("server connection 1: accepted at ",
                                       address, ", process [0-9]+, user ")),
            HasSubstr("server connection 1 <- open of call 1, method 1, "),
            ContainsRegex("server call 1: fdrpc.filebroker.v1.FileBroker/Open "
                          "begins, call 1 of process [0-9]+, user "),
            ContainsRegex("server connection 1 -> status of call 1, status 0 "
                          "OK, [0-9]+ bytes, 1 descriptor\n"),
            ContainsRegex("server call 1: [^\n]* ends after [^\n]*: OK\n"),
            HasSubstr("server connection 1: ends: UNAVAILABLE: "),
            ContainsRegex("server call 2: [^\n]* ends after [^\n]*: NOT_FOUND: "
                          "")));
}

}  // namespace
}  // namespace fdrpc::filebroker
