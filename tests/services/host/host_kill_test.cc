// A host that is killed in each state of a service: the next one goes on.
#include <signal.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::host {
namespace {

using ::testing::Contains;
using testing::RunningHost;
using v1::ServiceStatus;

class HostKillTest : public ::testing::Test {
 protected:
  ServiceStatus Status() { return host_.StatusOf("echo"); }

  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

TEST_F(HostKillTest, Listening) {
  host_.Add("echo");
  host_.Start();
  host_.KillHost();
  EXPECT_EQ(Status().state(), v1::STATE_LISTENING);
  EXPECT_TRUE(host_.Call("echo", "").ok());
}

TEST_F(HostKillTest, Stopped) {
  host_.Add("echo");
  host_.Start();
  EXPECT_EQ(host_.Ctl({"stop", "echo"}).exit_status, 0);
  host_.KillHost();
  EXPECT_EQ(Status().state(), v1::STATE_STOPPED);
}

TEST_F(HostKillTest, Starting) {
  host_.SetHanging(true);
  host_.Add("echo", "start: START_AT_ONCE");
  host_.Start();
  host_.KillHost();
  // It may have died with its host, before the keeper knew of it.
  const ServiceStatus hanging = host_.AwaitState("echo", v1::STATE_STARTING);
  host_.SetHanging(false);
  kill(hanging.pid(), SIGCONT);
  kill(hanging.pid(), SIGKILL);
  host_.AwaitState("echo", v1::STATE_RUNNING);
  EXPECT_TRUE(host_.Call("echo", "").ok());
}

TEST_F(HostKillTest, Running) {
  host_.Add("echo");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok());
  host_.KillHost();
  EXPECT_EQ(Status().state(), v1::STATE_RUNNING);
  EXPECT_EQ(Status().pid(), before->number());
  // The next host hears of its end from the keeper.
  kill(Status().pid(), SIGKILL);
  host_.Await("echo", [](const ServiceStatus& status) {
    return status.last_end() == "was killed by SIGKILL";
  });
  EXPECT_TRUE(host_.Call("echo", "").ok());
}

TEST_F(HostKillTest, Replacing) {
  host_.Add("echo");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok());
  host_.SetHanging(true);
  std::thread restart([this] {
    EXPECT_EQ(host_.Ctl({"restart", "echo"}).exit_status, 24);
  });
  host_.AwaitLine("echo", "it hangs");
  host_.KillHost();
  restart.join();
  EXPECT_EQ(host_.Call("echo", "")->number(), before->number());
  host_.SetHanging(false);
  EXPECT_TRUE(host_.Restart("echo").ok());
  EXPECT_EQ(Status().state(), v1::STATE_RUNNING);
  EXPECT_NE(Status().pid(), before->number());
}

TEST_F(HostKillTest, StoppingAndItsEndWhileThereIsNoHost) {
  host_.Write("slow",
              "command: \"/bin/sh\" command: \"-c\" command: \"trap '' TERM; "
              "sleep 1000 & wait; wait\" start: START_AT_ONCE "
              "readiness: READINESS_STARTED stop_timeout: \"1h\"");
  host_.Start();
  const ServiceStatus running = host_.AwaitState("slow", v1::STATE_RUNNING);
  std::thread stop([this] {
    EXPECT_EQ(host_.Ctl({"stop", "slow"}).exit_status, 24);
  });
  host_.AwaitState("slow", v1::STATE_STOPPING);
  const pid_t host = host_.HostPid();
  kill(host, SIGKILL);
  kill(running.pid(), SIGKILL);
  stop.join();
  host_.AwaitState("slow", v1::STATE_STOPPED);
}

TEST_F(HostKillTest, BackingOff) {
  host_.SetFailing(true);
  host_.Add("echo",
            "start: START_AT_ONCE restart { delay: \"1h\" max_delay: \"1h\" "
            "max_failures: 3 }");
  host_.Start();
  host_.AwaitState("echo", v1::STATE_BACKING_OFF);
  host_.KillHost();
  // It tries again at once, and counts.
  host_.Await("echo", [](const ServiceStatus& status) {
    return status.failures() == 2;
  });
  host_.KillHost();
  host_.AwaitState("echo", v1::STATE_FAILED);
  host_.KillHost();
  EXPECT_EQ(Status().state(), v1::STATE_FAILED);
  EXPECT_EQ(host_.Call("echo", "").status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(HostKillTest, WhatIsPrintedMeanwhileReachesTheLog) {
  host_.Add("echo");
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "print before").ok());
  const pid_t host = host_.HostPid();
  kill(host, SIGSTOP);
  ASSERT_TRUE(host_.Call("echo", "print meanwhile").ok());
  kill(host, SIGKILL);
  while (host_.HostPid() == host) {
  }
  ASSERT_TRUE(host_.Call("echo", "print after").ok());
  v1::LogsRequest request;
  request.set_name("echo");
  request.set_lines(100);
  request.set_follow(true);
  auto lines = host_.stub().Logs(request);
  bool has_meanwhile = false;
  while (const auto line = lines.Read()) {
    has_meanwhile |= line->text() == "meanwhile";
    if (line->text() == "after") break;
  }
  EXPECT_TRUE(has_meanwhile);
}

TEST_F(HostKillTest, ItsServicesEndWithTheKeeper) {
  host_.Add("echo");
  host_.Start();
  const auto reply = host_.Call("echo", "");
  ASSERT_TRUE(reply.ok());
  host_.program().Signal(SIGKILL);
  EXPECT_EQ(host_.program().Wait().signal, SIGKILL);
  // Its socket is gone, or refuses, a moment later.
  while (host_.Call("echo", "").ok()) {
  }
}

}  // namespace
}  // namespace fdrpc::host
