// fdrpc-host and fdrpc-hostctl as processes, with each type of socket between
// them, and one or the other killed.
#include <csignal>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/running_host.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/schemes.h"

namespace fdrpc::host {
namespace {

using testing::Program;
using testing::RunningHost;
using testing::Script;

class ControlTypesTest : public ::testing::TestWithParam<const char*> {
 protected:
  testing::ExpectSameDescriptors census_;
  RunningHost host_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Types, ControlTypesTest, testing::kAllSchemes,
                         testing::SchemeName);

TEST_P(ControlTypesTest, EachCommandWorks) {
  using ::testing::HasSubstr;
  host_.Add("echo");
  host_.Start();
  EXPECT_THAT(host_.Ctl({"list"}).output, HasSubstr("echo  listening"));
  EXPECT_THAT(host_.Ctl({"start", "echo"}).output, HasSubstr("running"));
  EXPECT_THAT(host_.Ctl({"restart", "echo"}).output, HasSubstr("running"));
  EXPECT_THAT(host_.Ctl({"logs", "echo"}).output, HasSubstr("has started"));
  host_.Add("new");
  EXPECT_EQ(host_.Ctl({"reload"}).output, "new: added\n");
  EXPECT_EQ(host_.Ctl({"upgrade"}).exit_status, 0);
  EXPECT_THAT(host_.Ctl({"--wait", "status", "echo"}).output,
              HasSubstr("starts:    2"));
  EXPECT_EQ(host_.Ctl({"stop", "echo"}).exit_status, 0);
  EXPECT_EQ(host_.Stop().exit_status, 0);
  EXPECT_EQ(host_.Ctl({"list"}).exit_status, 24);
}

TEST_P(ControlTypesTest, AHostThatIsKilledIsReachedAgain) {
  host_.Add("echo");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok()) << before.status();
  for (int i = 0; i < 3; ++i) {
    host_.KillHost();
    EXPECT_EQ(host_.StatusOf("echo").pid(), before->number());
    EXPECT_EQ(host_.Ctl({"list"}).exit_status, 0);
  }
}

TEST_P(ControlTypesTest, AClientThatIsKilledDoesNotDisturbIt) {
  host_.Write("script", Script("echo output"));
  host_.Start();
  for (int i = 0; i < 3; ++i) {
    auto [read_end, write_end] = testing::Pipe();
    Program client({FDRPC_HOSTCTL_PROGRAM, "--host", host_.control(), "logs",
                    "script", "--follow"},
                   {.standard_output = write_end.get()});
    write_end.Reset();
    EXPECT_NE(Program::ReadLine(read_end.get()), "");
    client.Signal(SIGKILL);
    EXPECT_EQ(client.Wait().signal, SIGKILL);
    EXPECT_EQ(host_.Ctl({"status", "script"}).exit_status, 0);
  }
}

}  // namespace
}  // namespace fdrpc::host
