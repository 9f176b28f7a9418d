// fdrpc call and bench in datagrams, and FDRPC_TRACE of them.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"

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

INSTANTIATE_TEST_SUITE_P(, ConnectionlessTest,
                         ::testing::Values("unix-dgram:", "unix-dgram:@"));

TEST(ConnectionlessMisuseTest, OtherAddressesAreRefused) {
  for (const char* command : {"call", "bench"}) {
    ExpectError(RunTool({command, "--connectionless", "unix:/x", kEcho, "{}"}),
                2, "\"unix-dgram:\"");
  }
}

}  // namespace
}  // namespace fdrpc::testing
