// fdrpc-hostctl, and what a host does as it is told.
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/connected_clients.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::host {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Ending;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunningHost;
using testing::Script;
using v1::ServiceStatus;

class HostctlTest : public ::testing::Test {
 protected:
  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

TEST_F(HostctlTest, ListsAndDescribes) {
  host_.Add("echo");
  host_.Add("other", "start: START_BY_HAND");
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "status of \x1b[31mred").ok());
  const pid_t pid = host_.StatusOf("echo").pid();
  host_.Await("echo", [](const ServiceStatus& status) {
    return !status.status_text().empty();
  });
  const std::string list = host_.Ctl({"list"}).output;
  EXPECT_THAT(list, HasSubstr("NAME   STATE    PID"));
  EXPECT_THAT(list, HasSubstr(absl::StrCat("echo   running  ", pid)));
  EXPECT_THAT(list, HasSubstr("other  stopped  -"));
  const std::string status = host_.Ctl({"status", "echo"}).output;
  EXPECT_THAT(status, HasSubstr("says:      of \\x1b[31mred\n"));
  EXPECT_THAT(status, HasSubstr(absl::StrCat(
                          "socket:    ", host_.address("echo"), "\n")));
}

TEST_F(HostctlTest, WrongWordsAreOneClearError) {
  const auto errors = [this](const std::vector<std::string>& words) {
    const Ending ending = host_.Ctl(words);
    EXPECT_EQ(ending.exit_status, 2);
    return ending.errors;
  };
  EXPECT_THAT(errors({}), HasSubstr("it takes a command: list,"));
  EXPECT_THAT(errors({"lst"}), HasSubstr("there is no command lst"));
  EXPECT_THAT(errors({"stop"}), HasSubstr("stop takes the name of one"));
  EXPECT_THAT(errors({"list", "echo"}), HasSubstr("list takes no operand"));
  EXPECT_THAT(errors({"list", "-f"}), HasSubstr("options of logs"));
  EXPECT_THAT(errors({"logs", "a", "-n", "x"}), HasSubstr("--lines: \"x\""));
  EXPECT_THAT(errors({"list", "--timeout", "x"}), HasSubstr("--timeout"));
}

TEST_F(HostctlTest, AServiceThatIsNotThereAndAHostThatIsNot) {
  Ending ending = host_.Ctl({"list"});
  EXPECT_EQ(ending.exit_status, 24);
  host_.Start();
  for (const char* command : {"status", "start", "stop", "restart", "logs"}) {
    ending = host_.Ctl({command, "none"});
    EXPECT_EQ(ending.exit_status, 15);
    EXPECT_THAT(ending.errors, HasSubstr("no service has the name \"none\""));
  }
}

TEST_F(HostctlTest, OnlyRootAndTheHostsUserMay) {
  if (geteuid() != 0) GTEST_SKIP() << "it takes root to be another user";
  host_.Add("echo");
  host_.dir().OpenToAll();
  host_.Start({"--socket-mode", "0666"});
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"list"},
                                             {"status", "echo"},
                                             {"start", "echo"},
                                             {"stop", "echo"},
                                             {"restart", "echo"},
                                             {"reload"},
                                             {"logs", "echo"},
                                             {"watch"},
                                             {"upgrade"}}) {
    std::vector<std::string> words = {"setpriv",
                                      "--reuid=65534",
                                      "--regid=65534",
                                      "--clear-groups",
                                      FDRPC_HOSTCTL_PROGRAM,
                                      "--host",
                                      host_.dir().address("control")};
    words.insert(words.end(), command.begin(), command.end());
    const Ending ending = testing::Run(words);
    EXPECT_EQ(ending.exit_status, 17) << command[0] << ending.errors;
    EXPECT_THAT(ending.errors, HasSubstr("user 65534 may not"));
  }
}

TEST_F(HostctlTest, ReloadHostsWhatTheFilesSay) {
  host_.Add("changed");
  host_.Add("gone");
  host_.Add("same");
  host_.Start();
  for (const char* name : {"changed", "gone", "same"}) {
    ASSERT_TRUE(host_.Call(name, "").ok());
  }
  const pid_t same = host_.StatusOf("same").pid();
  EXPECT_EQ(host_.Ctl({"reload"}).output, "");
  host_.Add("changed", "environment: \"A=b\"");
  host_.Add("new");
  host_.Remove("gone");
  const Ending ending = host_.Ctl({"reload"});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "changed: replaced\ngone: removed\nnew: added\n");
  EXPECT_TRUE(host_.Call("new", "").ok());
  EXPECT_EQ(host_.Call("gone", "").status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(host_.StatusOf("same").pid(), same);
}

TEST_F(HostctlTest, ReloadTakesSocketsThatAreNewAndLeavesOthers) {
  host_.Add("echo");
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "").ok());
  host_.Add("echo",
            absl::StrCat("sockets { address: \"", host_.address("second"),
                         "\" name: \"second\" }"));
  const Ending ending = host_.Ctl({"reload"});
  EXPECT_EQ(ending.output, "echo: replaced\n") << ending.errors;
  const auto names = host_.Call("second", "names");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_EQ(names->text(), "echo:second");
  host_.Add("echo");
  EXPECT_EQ(host_.Ctl({"reload"}).output, "echo: replaced\n");
  EXPECT_FALSE(std::filesystem::exists(host_.dir().file("second")));
  EXPECT_TRUE(host_.Call("echo", "").ok());
}

TEST_F(HostctlTest, AWrongFileChangesNothing) {
  host_.Add("echo");
  host_.Start();
  host_.Add("new");
  host_.Write("wrong", "command: \"/bin/true\"\nsockets { }\n");
  const Ending ending = host_.Ctl({"reload"});
  EXPECT_EQ(ending.exit_status, 13);
  EXPECT_THAT(ending.errors, HasSubstr("wrong.textproto:2: "));
  EXPECT_EQ(host_.Ctl({"status", "new"}).exit_status, 15);
}

TEST_F(HostctlTest, AReloadThatFailsLeavesTheOldProcessAndConfiguration) {
  host_.Add("echo");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok());
  host_.SetFailing(true);
  host_.Add("echo",
            absl::StrCat("sockets { address: \"", host_.address("second"),
                         "\" name: \"second\" }"));
  for (int i = 0; i < 2; ++i) {
    const Ending ending = host_.Ctl({"reload"});
    EXPECT_EQ(ending.exit_status, 1);
    EXPECT_THAT(ending.output,
                HasSubstr("echo: failed: before it was ready, the process "
                          "exited with status 3"));
  }
  EXPECT_EQ(host_.Call("echo", "")->number(), before->number());
  EXPECT_FALSE(std::filesystem::exists(host_.dir().file("second")));
  host_.SetFailing(false);
  EXPECT_EQ(host_.Ctl({"reload"}).output, "echo: replaced\n");
}

TEST_F(HostctlTest, AStartDoesNotAnswerForARestart) {
  host_.Add("echo", "start_timeout: \"200ms\"");
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "").ok());
  host_.SetHanging(true);
  std::thread restart([this] {
    EXPECT_EQ(host_.Ctl({"restart", "echo"}).exit_status, 14);
  });
  host_.AwaitState("echo", v1::STATE_REPLACING);
  EXPECT_EQ(host_.Ctl({"start", "echo"}).exit_status, 0);
  restart.join();
}

TEST_F(HostctlTest, AnUpgradeDoesNotWaitForAReplacement) {
  host_.Add("echo");
  host_.Start();
  ASSERT_TRUE(host_.Call("echo", "").ok());
  host_.SetHanging(true);
  std::thread restart([this] {
    EXPECT_EQ(host_.Ctl({"restart", "echo"}).exit_status, 24);
  });
  host_.AwaitState("echo", v1::STATE_REPLACING);
  EXPECT_EQ(host_.Ctl({"upgrade"}).exit_status, 0);
  restart.join();
  EXPECT_TRUE(host_.Call("echo", "").ok());
}

TEST_F(HostctlTest, AStartEndsTheWaitOfAStop) {
  host_.Write("slow",
              "command: \"/bin/sh\" command: \"-c\" command: \"trap '' TERM; "
              "sleep 1000 & wait; wait\" start: START_AT_ONCE "
              "readiness: READINESS_STARTED stop_timeout: \"1h\"");
  host_.Start();
  const pid_t pid = host_.AwaitState("slow", v1::STATE_RUNNING).pid();
  std::thread stop([this] {
    EXPECT_EQ(host_.Ctl({"stop", "slow"}).exit_status, 20);
  });
  host_.AwaitState("slow", v1::STATE_STOPPING);
  EXPECT_EQ(host_.Ctl({"start", "slow"}).exit_status, 0);
  stop.join();
  EXPECT_EQ(host_.StatusOf("slow").state(), v1::STATE_RUNNING);
  host_.Remove("slow");
  kill(host_.StatusOf("slow").pid(), SIGKILL);
  kill(pid, SIGKILL);
}

TEST_F(HostctlTest, SignalsReloadAndUpgrade) {
  host_.Add("echo");
  host_.Start();
  const pid_t before = host_.HostPid();
  host_.program().Signal(SIGUSR2);
  while (host_.HostPid() == before) {
  }
  host_.Add("new");
  host_.program().Signal(SIGHUP);
  host_.AwaitState("new", v1::STATE_LISTENING);
}

TEST_F(HostctlTest, LogsAreThoseOfTheProcess) {
  host_.Write("script", Script("echo output; echo error >&2"));
  host_.Start();
  v1::LogsRequest request;
  request.set_name("script");
  request.set_lines(100);
  request.set_follow(true);
  {
    auto lines = host_.stub().Logs(request);
    while (const auto line = lines.Read()) {
      if (line->text() == "error") break;
    }
  }
  const std::string logs = host_.Ctl({"logs", "script", "-n", "5"}).output;
  EXPECT_THAT(logs, AllOf(HasSubstr(": output\n"), HasSubstr(": error\n")));
}

TEST_F(HostctlTest, AnIdleProcessIsEndedAndStartedAgain) {
  host_.Add("echo", "idle_timeout: \"40ms\"");
  host_.Start();
  for (uint64_t starts = 1; starts < 4; ++starts) {
    ASSERT_TRUE(host_.Call("echo", "").ok());
    host_.Await("echo", [starts](const ServiceStatus& status) {
      return status.state() == v1::STATE_LISTENING && status.starts() == starts;
    });
  }
  EXPECT_EQ(host_.StatusOf("echo").failures(), 0u);
}

TEST(ConnectedClientsTest, AreThoseThatWaitAndThoseThatWereAccepted) {
  constexpr char kTable[] =
      "Num       RefCount Protocol Flags    Type St Inode Path\n"
      "00000000: 00000002 00000000 00010000 0001 01 32109 /run/a b\n"
      "00000000: 00000003 00000000 00000000 0001 03 32110 /run/a b\n"
      "00000000: 00000003 00000000 00000000 0001 02 32111 /run/a b\n"
      "00000000: 00000003 00000000 00000000 0001 03 32112 @x\n"
      "00000000: 00000003 00000000 00000000 0001 03 32113\n";
  EXPECT_EQ(CountConnectedClients(kTable, {"/run/a b"}), 2u);
  EXPECT_EQ(CountConnectedClients(kTable, {"@x", "/run/c"}), 1u);
  EXPECT_EQ(CountConnectedClients(kTable, {"/run/a"}), 0u);
}

TEST_F(HostctlTest, AProcessHasWhatItsFileSays) {
  host_.Write("script",
              Script("echo $A; pwd; umask; ulimit -n; ls /proc/self/fd; "
                     "grep NoNewPrivs /proc/self/status; env | cut -d= -f1; "
                     "echo end") +
                  "environment: \"A=b c\" working_directory: \"/usr\" "
                  "umask: 0027 no_new_privileges: true "
                  "limits { resource: \"nofile\" soft: 77 hard: 77 }");
  host_.Start();
  v1::LogsRequest request;
  request.set_name("script");
  request.set_lines(100);
  request.set_follow(true);
  std::vector<std::string> texts;
  {
    auto lines = host_.stub().Logs(request);
    while (const auto line = lines.Read()) {
      texts.push_back(line->text());
      if (line->text() == "end") break;
    }
  }
  for (const char* line : {"b c", "/usr", "0027", "77", "NoNewPrivs:\t1"}) {
    EXPECT_THAT(texts, Contains(line));
  }
  // Its standard streams, and the one of ls itself.
  for (const char* number : {"0", "1", "2", "3"}) {
    EXPECT_THAT(texts, Contains(number));
  }
  EXPECT_THAT(texts, Not(Contains("4")));
  EXPECT_THAT(texts, Contains("NOTIFY_SOCKET"));
  EXPECT_THAT(texts, Not(Contains("LISTEN_FDS")));
}

TEST_F(HostctlTest, AProcessHasNamespacesOfItsOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "namespaces take root";
  host_.Write("script",
              Script("readlink /proc/self/ns/uts; echo $$; echo end") +
                  "namespaces: NAMESPACE_UTS namespaces: NAMESPACE_PID");
  host_.Start();
  const ServiceStatus status =
      host_.Await("script", [](const ServiceStatus& service) {
        return service.state() == v1::STATE_RUNNING ||
               service.state() == v1::STATE_BACKING_OFF;
      });
  if (status.state() != v1::STATE_RUNNING) {
    GTEST_SKIP() << "no namespaces here: " << status.last_end();
  }
  const std::string ns = absl::StrCat("/proc/", status.pid(), "/ns/uts");
  EXPECT_NE(std::filesystem::read_symlink(ns),
            std::filesystem::read_symlink("/proc/self/ns/uts"));
}

TEST_F(HostctlTest, AWrongConfigurationEndsTheHost) {
  host_.Write("wrong", "command: \"/bin/true\"\nsockets { }\n");
  const Ending ending =
      testing::Run({FDRPC_HOST_PROGRAM, "run", "--config", host_.config_path(),
                    "--control", host_.dir().address("control")});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("wrong.textproto:2: "));
  EXPECT_FALSE(std::filesystem::exists(host_.dir().file("control")));
}

TEST_F(HostctlTest, AnAddressInUseEndsTheHostAndLeavesNothing) {
  RunningHost other;
  other.Start();
  host_.Write("first",
              absl::StrCat("command: \"/bin/true\" sockets { address: \"",
                           host_.address("a"), "\" }"));
  host_.Write("second",
              absl::StrCat("command: \"/bin/true\" sockets { address: \"",
                           other.dir().address("control"), "\" }"));
  const Ending ending =
      testing::Run({FDRPC_HOST_PROGRAM, "run", "--config", host_.config_path(),
                    "--control", host_.dir().address("control")});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("second: "));
  EXPECT_FALSE(std::filesystem::exists(host_.dir().file("a")));
}

}  // namespace
}  // namespace fdrpc::host
