// What a host does at signals, and at requests that come meanwhile.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/unique_fd.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/process/event_loop.h"
#include "tests/services/host/process_list.h"
#include "tests/services/host/running_host.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::host {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::ChildrenOf;
using testing::Ending;
using ::testing::HasSubstr;
using testing::Program;
using testing::RunningHost;
using v1::ServiceStatus;

// Sends the signal again and again: those that come at once may not count.
Ending SignalUntilItEnds(Program& program, int signal) {
  const UniqueFd ended(
      static_cast<int>(syscall(SYS_pidfd_open, program.pid(), 0)));
  EXPECT_TRUE(ended.ok());
  pollfd waiting = {.fd = ended.get(), .events = POLLIN, .revents = 0};
  do {
    program.Signal(signal);
  } while (poll(&waiting, 1, /*timeout=*/20) == 0);
  return program.Wait();
}

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
    ASSERT_EQ(reply->outcomes_size(), 1);
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
          ASSERT_EQ(reply->outcomes_size(), 1);
          EXPECT_EQ(reply->outcomes(0).change(),
                    v1::ReloadReply::Outcome::CHANGE_REPLACED);
        });
  }
  // It follows them on the same connection.
  bool is_done = false;
  stub.async().List(v1::ListRequest(), {},
                    [&is_done](const absl::StatusOr<v1::ListReply>& reply) {
                      is_done = true;
                      ASSERT_TRUE(reply.ok()) << reply.status();
                      ASSERT_EQ(reply->services_size(), 1);
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

// The next host does what the one before has not finished.
TEST_F(HostSignalsTest, AReloadOutlivesTheHostThatDoesIt) {
  host_.Add("echo");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok()) << before.status();
  host_.SetHanging(true);
  host_.Add("echo", "environment: \"A=1\"");
  host_.program().Signal(SIGHUP);
  host_.AwaitLine("echo", "it hangs");
  host_.SetHanging(false);
  host_.KillHost();
  host_.Await("echo", [&before](const ServiceStatus& status) {
    return status.state() == v1::STATE_RUNNING &&
           status.pid() != before->number();
  });
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
  const auto first = steady_clock::now();
  host_.program().Signal(SIGTERM);
  host_.AwaitState("slow", v1::STATE_STOPPING);
  EXPECT_EQ(kill(pid, 0), 0);
  const Ending ending = SignalUntilItEnds(host_.program(), SIGINT);
  // Those that come at once are the same request.
  EXPECT_GE(steady_clock::now() - first, seconds(1));
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  EXPECT_EQ(kill(pid, 0), -1);
  for (const char* const name : {"control", "echo", "slow"}) {
    EXPECT_FALSE(std::filesystem::exists(host_.dir().file(name))) << name;
  }
}

TEST_F(HostSignalsTest, ASecondSignalIsEnoughThoughTheHostProcessHangs) {
  host_.Add("echo");
  host_.Start();
  const auto reply = host_.Call("echo", "");
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(kill(host_.HostPid(), SIGSTOP), 0);
  host_.program().Signal(SIGTERM);
  const Ending ending = SignalUntilItEnds(host_.program(), SIGTERM);
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("has not ended the services"));
  EXPECT_EQ(kill(static_cast<pid_t>(reply->number()), 0), -1);
}

TEST_F(HostSignalsTest, ASignalEndsAHostThatHangsBeforeItServes) {
  // The keeper starts the program that has its own name, as the system tells
  // it: here that of a file that was removed.
  const std::string path = host_.dir().file("fdrpc-host");
  std::filesystem::copy_file(FDRPC_HOST_PROGRAM, path);
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(unlink(path.c_str()), 0);
  auto [began, begins] = testing::Pipe();
  const std::string hanging = path + " (deleted)";
  std::ofstream(hanging) << "#!/bin/sh\necho hangs >/proc/" << getpid()
                         << "/fd/" << begins.get() << "\nexec sleep 1000\n";
  std::filesystem::permissions(hanging, std::filesystem::perms::owner_all);
  Program program(
      {"/bin/sh", "-c", "exec /proc/self/fd/0 \"$@\"", "sh", "run", "--config",
       host_.config_path(), "--control", host_.control()},
      {.standard_input = file.get()});
  EXPECT_EQ(Program::ReadLine(began.get()), "hangs");
  program.Signal(SIGTERM);
  const Ending ending = program.Wait();
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors,
              HasSubstr("told to stop before it hosted the services"));
}

}  // namespace
}  // namespace fdrpc::host
