// fdrpc-host as a program, with services over each type of socket.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/schemes.h"

namespace fdrpc::host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Ending;
using ::testing::HasSubstr;
using testing::RunningHost;
using testing::TestService;
using testing::Text;
using v1::ServiceStatus;

constexpr char kQuickRestart[] =
    "restart { delay: \"1ms\" max_delay: \"1ms\" max_failures: 2 }";

class HostTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Start(const std::string& more = "") {
    host_.Add("echo", more, GetParam());
    host_.Start();
  }
  absl::StatusOr<Text> Call(const std::string& text = "") {
    return host_.Call("echo", text, GetParam());
  }
  std::string Answer(const std::string& text) {
    const absl::StatusOr<Text> reply = Call(text);
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? reply->text() : "";
  }
  // Of the present process: while it is replaced, the former one answers, too.
  std::string AnswerOfPresent(const std::string& text) {
    while (true) {
      const absl::StatusOr<Text> reply = Call(text);
      EXPECT_TRUE(reply.ok()) << reply.status();
      if (!reply.ok()) return "";
      if (reply->number() == Status().pid()) return reply->text();
    }
  }
  ServiceStatus Status() { return host_.StatusOf("echo"); }

  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

INSTANTIATE_TEST_SUITE_P(Types, HostTest, testing::kAllSchemes,
                         testing::SchemeName);

TEST_P(HostTest, TheFirstClientStartsTheService) {
  Start();
  EXPECT_EQ(Status().state(), v1::STATE_LISTENING);
  EXPECT_EQ(Status().pid(), 0);
  const absl::StatusOr<Text> reply = Call("listen pid");
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(Status().state(), v1::STATE_RUNNING);
  EXPECT_EQ(Status().pid(), reply->number());
  EXPECT_EQ(reply->text(), absl::StrCat(reply->number()));
  EXPECT_EQ(Answer("names"), "echo");
  EXPECT_EQ(Status().starts(), 1u);
}

TEST_P(HostTest, AStoppedServicesClientsWait) {
  Start();
  ASSERT_TRUE(Call().ok());
  EXPECT_EQ(host_.Ctl({"stop", "echo"}).exit_status, 0);
  EXPECT_EQ(Status().state(), v1::STATE_STOPPED);
  EXPECT_EQ(Status().pid(), 0);
  std::future<absl::StatusOr<Text>> reply =
      std::async(std::launch::async, [this] { return Call(); });
  EXPECT_EQ(Status().state(), v1::STATE_STOPPED);
  EXPECT_EQ(host_.Ctl({"start", "echo"}).exit_status, 0);
  EXPECT_TRUE(reply.get().ok());
  EXPECT_EQ(Status().starts(), 2u);
}

TEST_P(HostTest, AProcessThatHasDiedIsStartedAgain) {
  Start();
  ASSERT_TRUE(Call().ok());
  kill(Status().pid(), SIGKILL);
  host_.Await("echo", [](const ServiceStatus& status) {
    return status.failures() == 1;
  });
  EXPECT_TRUE(Call().ok());
  EXPECT_EQ(Status().starts(), 2u);
  EXPECT_EQ(Status().last_end(), "was killed by SIGKILL");
}

TEST_P(HostTest, ClientsAreRefusedOnceItHasGivenUp) {
  host_.SetFailing(true);
  Start(kQuickRestart);
  EXPECT_EQ(Call().status().code(), absl::StatusCode::kUnavailable);
  host_.AwaitState("echo", v1::STATE_FAILED);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Call().status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(Status().failures(), 2u);
  const Ending ending = host_.Ctl({"start", "echo"});
  EXPECT_EQ(ending.exit_status, 19);
  EXPECT_THAT(ending.errors, HasSubstr("exited with status 3"));
  EXPECT_THAT(host_.Logs("echo"), Contains("it fails"));
  host_.SetFailing(false);
  EXPECT_EQ(host_.Ctl({"start", "echo"}).exit_status, 0);
  EXPECT_TRUE(Call().ok());
}

TEST_P(HostTest, AProcessThatDoesNotGetReadyIsKilled) {
  host_.SetHanging(true);
  Start("start_timeout: \"50ms\" start: START_BY_HAND");
  const Ending ending = host_.Ctl({"start", "echo"});
  EXPECT_EQ(ending.exit_status, 14);
  EXPECT_THAT(ending.errors, HasSubstr("not ready within 50ms"));
}

TEST_P(HostTest, AFailedReplacementLeavesTheOldProcess) {
  Start();
  ASSERT_TRUE(Call().ok());
  const ServiceStatus before = Status();
  host_.SetFailing(true);
  EXPECT_EQ(host_.Restart("echo").code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Status().pid(), before.pid());
  EXPECT_EQ(Status().state(), v1::STATE_RUNNING);
  EXPECT_EQ(Call()->number(), before.pid());
  host_.SetFailing(false);
  EXPECT_TRUE(host_.Restart("echo").ok());
  EXPECT_NE(Status().pid(), before.pid());
}

TEST_P(HostTest, DescriptorsAreStoredForTheNextProcess) {
  Start("max_stored_descriptors: 1");
  Answer("store content of the file");
  host_.Await("echo", [](const ServiceStatus& status) {
    return status.stored_descriptors() == 1;
  });
  ASSERT_TRUE(host_.Restart("echo").ok());
  EXPECT_EQ(AnswerOfPresent("names"), "echo:content");
  EXPECT_EQ(AnswerOfPresent("stored"), "content of the file");
  host_.KillHost();
  ASSERT_TRUE(host_.Restart("echo").ok());
  EXPECT_EQ(AnswerOfPresent("stored"), "content of the file");
  AnswerOfPresent("store another");
  AnswerOfPresent("status full");
  host_.Await("echo", [](const ServiceStatus& status) {
    return status.status_text() == "full";
  });
  EXPECT_EQ(Status().stored_descriptors(), 1u);
}

TEST_P(HostTest, NothingIsLeftAfterTheEnd) {
  host_.Add("echo", "", GetParam());
  // With an orphan in a session of its own.
  host_.Write("orphan",
              "command: \"/bin/sh\" command: \"-c\" command: \"setsid sleep "
              "1000 & exec sleep 1000\" start: START_AT_ONCE "
              "readiness: READINESS_STARTED");
  host_.Start();
  ASSERT_TRUE(Call().ok());
  host_.AwaitState("orphan", v1::STATE_RUNNING);
  const std::vector<pid_t> pids = {
      Status().pid(), host_.StatusOf("orphan").pid(), host_.HostPid()};
  const Ending ending = host_.Stop();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  for (const pid_t pid : pids) EXPECT_EQ(kill(pid, 0), -1) << pid;
  std::vector<std::string> left;
  for (const auto& file :
       std::filesystem::directory_iterator(host_.dir().path())) {
    left.push_back(file.path().filename());
  }
  EXPECT_THAT(left, ElementsAre());
}

}  // namespace
}  // namespace fdrpc::host
