// Recordings in Wireshark, with fdrpc's dissector.
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/services/tool/running_capture.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(WiresharkTest, ReadsAndDissectsRecordings) {
  const std::string tshark = "/usr/bin/tshark";
  if (access(tshark.c_str(), X_OK) != 0) GTEST_SKIP() << "takes tshark";
  LiveServer live("unix:");
  live.Start();
  RunningCapture capture(live.address(), "unix:");
  const std::string text(500'000, 'x');
  EXPECT_EQ(RunTool({"call", capture.address(), kEcho, "-"},
                    absl::StrCat("{\"text\":\"", text, "\"}"))
                .exit_status,
            0);
  Output(RunTool({"call", capture.address(), kExchange,
                  R"({"first":{"$fd":"memfd:abc"}})"}));
  EXPECT_EQ(capture.Stop().exit_status, 0);
  const auto dissect = [&](const std::string& more) {
    return testing::Run(
        {"/bin/sh", "-c",
         absl::StrCat(tshark, " -X lua_script:", FDRPC_DISSECTOR, " -r ",
                      capture.file(), " ", more)});
  };
  const Ending all = dissect("");
  EXPECT_EQ(all.exit_status, 0) << all.errors;
  EXPECT_THAT(
      all.output,
      AllOf(HasSubstr("connection 1 -> hello"),
            ContainsRegex("connection 1 -> method 2: "
                          "fdrpc.testing.TestService/Echo"),
            ContainsRegex("-> open of call [0-9]+, "
                          "fdrpc.testing.TestService/Echo"),
            HasSubstr("-> frame continued"),
            ContainsRegex("<- status of call [0-9]+ OK, "
                          "fdrpc.testing.TestService/Exchange, 1 "
                          "descriptors"),
            HasSubstr("end: the client has ended it"), Not(HasSubstr("Lua"))));
  EXPECT_EQ(dissect("-Y 'fdrpc.descriptor.kind == 5' -T fields "
                    "-e fdrpc.descriptor.size -e fdrpc.direction")
                .output,
            "3\t1\n3\t2\n");
}

}  // namespace
}  // namespace fdrpc::testing
