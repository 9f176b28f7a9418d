// fdrpc-host as process 1 of a container.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/process_list.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::host {
namespace {

using testing::ChildrenOf;
using testing::RunningHost;
using testing::Script;

class Process1Test : public ::testing::Test {
 protected:
  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

TEST_F(Process1Test, ReapsOrphans) {
  const std::vector<std::string> unshare = {"unshare", "--pid", "--fork",
                                            "--kill-child", "--mount-proc"};
  std::vector<std::string> trial = unshare;
  trial.push_back("true");
  if (testing::Run(trial).exit_status != 0) {
    GTEST_SKIP() << "no PID namespace can be made here";
  }
  host_.Add("echo");
  host_.Write(
      "orphans",
      Script("for i in 1 2 3 4 5; do (setsid true & ); done; echo end"));
  host_.Start({}, unshare);
  ASSERT_TRUE(host_.Call("echo", "").ok());
  EXPECT_GT(host_.StatusOf("echo").pid(), 1);
  host_.AwaitState("orphans", v1::STATE_RUNNING);
  const pid_t keeper = ChildrenOf(host_.program().pid()).at(0);
  // Each is its child until it has ended, and for a moment after that: what
  // stays is the host, and the services' processes.
  host_.AwaitLine("orphans", "end");
  while (ChildrenOf(keeper).size() > 3) {
  }
  EXPECT_EQ(ChildrenOf(keeper).size(), 3u);
  // It names its pids as its namespace has them.
  const pid_t before = host_.HostPid();
  kill(ChildrenOf(keeper).at(0), SIGKILL);
  while (host_.HostPid() == before) {
  }
  EXPECT_TRUE(host_.Call("echo", "").ok());
  kill(keeper, SIGTERM);
  EXPECT_EQ(host_.program().Wait().exit_status, 0);
  EXPECT_FALSE(std::filesystem::exists(host_.dir().file("control")));
}

}  // namespace
}  // namespace fdrpc::host
