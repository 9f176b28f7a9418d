// fdrpc call and bench in datagrams, and FDRPC_TRACE of them.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/services/tool/running_capture.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConnectionlessTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { live_.Start(); }
  void TearDown() override { live_.Stop(); }

  LiveServer live_{GetParam()};
};

TEST_P(ConnectionlessTest, Calls) {
  EXPECT_THAT(Output(RunTool({"call", "--connectionless", live_.address(),
                              kEcho, R"({"text": "hi"})"})),
              HasSubstr("\"text\":\"hi\""));
  // One datagram for each of these calls; the schema came over a connection.
  EXPECT_EQ(live_.server().statistics().datagram_calls, 1u);
  EXPECT_THAT(
      Output(RunTool({"call", "--connectionless", live_.address(), kGet,
                      R"({"text": "content", "number": 1})", "--save", "-"})),
      "content");
  EXPECT_EQ(RunTool({"call", "--connectionless", live_.address(), kEcho, "{}",
                     "-m", "status=5"})
                .exit_status,
            15);
  EXPECT_EQ(live_.server().statistics().datagram_calls, 3u);
}

TEST_P(ConnectionlessTest, Measures) {
  EXPECT_THAT(Output(RunTool({"bench", "--connectionless", "--calls", "20",
                              live_.address(), kEcho, "{}"})),
              HasSubstr("20"));
  EXPECT_GE(live_.server().statistics().datagram_calls, 20u);
}

TEST_P(ConnectionlessTest, TracesDatagrams) {
  const Ending ending =
      testing::Run({"/usr/bin/env", "FDRPC_TRACE=all", FDRPC_PROGRAM, "call",
                    "--connectionless", "--proto", FDRPC_TEST_PROTO,
                    live_.address(), kEcho, "{}"});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.errors,
              AllOf(HasSubstr("client call 1: fdrpc.testing.TestService/Echo "
                              "begins"),
                    HasSubstr("client datagram -> open of call 1, method 1"),
                    HasSubstr("client datagram <- status of call 1, status 0 "
                              "OK"),
                    HasSubstr("client call 1: fdrpc.testing.TestService/Echo "
                              "ends after "),
                    Not(HasSubstr("connection"))));
}

TEST_P(ConnectionlessTest, StreamsNeedAConnection) {
  ExpectError(RunTool({"call", "--connectionless", live_.address(),
                       "fdrpc.testing.TestService/Chat", "{}"}),
              19, "has a stream");
}

TEST_P(ConnectionlessTest, IsCapturedAndReplayed) {
  RunningCapture capture(live_.address(), GetParam());
  EXPECT_THAT(Output(RunTool({"call", "--connectionless", "-p",
                              FDRPC_TEST_PROTO, capture.address(), kEcho,
                              R"({"text": "hi"})", "-m", "show=x"})),
              HasSubstr("\"text\":\"x\""));
  EXPECT_THAT(
      Output(RunTool({"call", "--connectionless", "-p", FDRPC_TEST_PROTO,
                      capture.address(), kGet,
                      R"({"text": "content", "number": 1})", "--save", "-"})),
      "content");
  // More than a queue holds.
  EXPECT_THAT(
      Output(RunTool({"bench", "--connectionless", "--calls", "200", "-c", "4",
                      "-p", FDRPC_TEST_PROTO, capture.address(), kEcho, "{}"})),
      HasSubstr("calls            200\n"));
  EXPECT_EQ(live_.server().statistics().datagram_calls, 202u);
  EXPECT_THAT(
      capture.StopAndShow(),
      AllOf(HasSubstr(" datagram -> call 1 fdrpc.testing.TestService/Echo"),
            HasSubstr(" datagram -> call 1 message {\"text\":\"hi\""),
            HasSubstr(" datagram <- call 1 headers, head=1\n"),
            HasSubstr(" datagram <- call 1 message {\"text\":\"x\""),
            HasSubstr(" datagram <- call 1 status OK after "),
            HasSubstr(" datagram <- call 2 descriptor 1: ")));
  EXPECT_EQ(Output(RunTool({"replay", capture.file(), live_.address()})),
            "202 calls as recorded, 0 different, 0 skipped\n");
}

INSTANTIATE_TEST_SUITE_P(, ConnectionlessTest,
                         ::testing::Values("unix-dgram:", "unix-dgram:@"));

TEST(ConnectionlessCaptureTest, NeedsDatagramSocketsOnBothSides) {
  LiveServer live("unix:");
  live.Start();
  RunningCapture capture(live.address(), "unix-dgram:");
  ExpectError(RunTool({"call", "--connectionless", "-p", FDRPC_TEST_PROTO,
                       capture.address(), kEcho, "{}", "-t", "100ms"}),
              14, "DEADLINE_EXCEEDED");
  const Ending ending = capture.Stop();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.errors,
              HasSubstr("fdrpc: calls without a connection are dropped"));
}

TEST(ConnectionlessMisuseTest, OtherAddressesAreRefused) {
  for (const char* command : {"call", "bench"}) {
    ExpectError(RunTool({command, "--connectionless", "unix:/x", kEcho, "{}"}),
                2, "\"unix-dgram:\"");
  }
}

}  // namespace
}  // namespace fdrpc::testing
