// What a host does at signals, and at requests that come meanwhile.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/process/event_loop.h"
#include "tests/services/host/process_list.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::host {
namespace {

using testing::ChildrenOf;
using testing::Ending;
using testing::RunningHost;
using v1::ServiceStatus;

class HostSignalsTest : public ::testing::Test {
 protected:
  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

TEST_F(HostSignalsTest, ReloadsThatWaitForAnotherOneAreOne) {
  host_.Add("echo");
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "").ok());
  host_.SetHanging(true);
  host_.Add("echo", "environment: \"A=1\"");
  std::thread first([this] {
    const auto reply = host_.Reload();
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->outcomes(0).change(),
              v1::ReloadReply::Outcome::CHANGE_FAILED);
  });
  host_.AwaitLine("echo", "it hangs");
  auto loop = process::EventLoop::Create();
  ASSERT_TRUE(loop.ok());
  const auto channel =
      Channel::Connect(host_.dir().address("control"), {.loop = loop->loop()});
  ASSERT_TRUE(channel.ok());
  v1::Host::Stub stub(*channel);
  int waiting = 5;
  for (int i = waiting; i > 0; --i) {
    stub.async().Reload(
        v1::ReloadRequest(), {},
        [&waiting](const absl::StatusOr<v1::ReloadReply>& reply) {
          --waiting;
          ASSERT_TRUE(reply.ok()) << reply.status();
          EXPECT_EQ(reply->outcomes(0).change(),
                    v1::ReloadReply::Outcome::CHANGE_REPLACED);
        });
  }
  // It follows them on the same connection.
  bool is_done = false;
  stub.async().List(v1::ListRequest(), {},
                    [&is_done](const absl::StatusOr<v1::ListReply>& reply) {
                      is_done = true;
                      EXPECT_EQ(reply->services(0).starts(), 2u);
                    });
  loop->RunWhile([&is_done] { return !is_done; });
  host_.SetHanging(false);
  for (const pid_t pid : ChildrenOf(host_.program().pid())) {
    // The one that hangs: the host and the one that serves are others.
    if (pid != host_.HostPid() && pid != host_.StatusOf("echo").pid()) {
      kill(pid, SIGKILL);
    }
  }
  first.join();
  loop->RunWhile([&waiting] { return waiting > 0; });
  EXPECT_EQ(host_.StatusOf("echo").starts(), 3u);
}

// A service that does not end at SIGTERM.
constexpr char kStubborn[] =
    "command: \"/bin/sh\" command: \"-c\" command: \"trap '' TERM; echo set; "
    "sleep 1000 & wait; wait\" start: START_AT_ONCE "
    "readiness: READINESS_STARTED stop_timeout: \"1h\" ";

TEST_F(HostSignalsTest, ASecondSignalKillsWhatHasNotEnded) {
  host_.Add("echo");
  host_.Write("slow", absl::StrCat(kStubborn, "sockets { address: \"",
                                   host_.address("slow"), "\" }"));
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "").ok());
  const pid_t pid = host_.AwaitState("slow", v1::STATE_RUNNING).pid();
  v1::LogsRequest request;
  request.set_name("slow");
  request.set_lines(100);
  request.set_follow(true);
  auto lines = host_.stub().Logs(request);
  while (const auto line = lines.Read()) {
    if (line->text() == "set") break;
  }
  host_.program().Signal(SIGTERM);
  host_.AwaitState("slow", v1::STATE_STOPPING);
  EXPECT_EQ(kill(pid, 0), 0);
  host_.program().Signal(SIGINT);
  const Ending ending = host_.program().Wait();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  EXPECT_EQ(kill(pid, 0), -1);
  for (const char* const name : {"control", "echo", "slow"}) {
    EXPECT_FALSE(std::filesystem::exists(host_.dir().file(name))) << name;
  }
}

}  // namespace
}  // namespace fdrpc::host
