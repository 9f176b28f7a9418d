// fdrpc-host check and fdrpc-host units, as programs.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/host/config_directory.h"
#include "tests/services/program/program.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kGood[] =
    "command: \"/bin/true\"\nsockets { address: \"unix:/tmp/s\" }\n";

Ending RunHost(const std::vector<std::string>& words) {
  std::vector<std::string> all = {FDRPC_HOST_PROGRAM};
  all.insert(all.end(), words.begin(), words.end());
  return Run(all);
}

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(HostCheckTest, PrintsTheServices) {
  ConfigDirectory directory;
  directory.Write("store", kGood);
  directory.Write("broker", "command: \"/bin/true\" start: START_AT_ONCE");
  const Ending ending = RunHost({"check", directory.path()});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "broker: ok\nstore: ok\n");
  EXPECT_EQ(ending.errors, "");
}

TEST(HostCheckTest, PrintsWhatIsWrong) {
  ConfigDirectory directory;
  directory.Write("store", kGood);
  directory.Write("broker",
                  "command: \"/bin/true\"\nstart: START_AT_ONCE\n"
                  "user: \"no-such-user\"\numask: 9\n");
  const Ending ending = RunHost({"check", directory.path()});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_EQ(ending.output, "store: ok\n");
  const std::string broker = directory.file("broker");
  EXPECT_EQ(
      ending.errors,
      absl::StrCat(broker, ":3: user: there is no user no-such-user\n", broker,
                   ":4: umask: \"9\" is not a mode: 0 and then octal "
                   "digits, at most 0777\n"));
}

TEST(HostCheckTest, RefusesWrongUse) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"check"},
        {"check", "a", "b"},
        {"check", "--fast", "a"}}) {
    const Ending ending = RunHost(words);
    EXPECT_EQ(ending.exit_status, 2);
    EXPECT_THAT(ending.errors, StartsWith("fdrpc-host check: "));
    EXPECT_THAT(ending.errors, HasSubstr("\nTry fdrpc-host check --help\n"));
    EXPECT_EQ(ending.output, "");
  }
}

// As for the host, which logs to no directory then.
TEST(HostCheckTest, TakesAnEmptyLogDirectoryAsNone) {
  ConfigDirectory directory;
  directory.Write("store", kGood);
  const Ending ending =
      RunHost({"check", directory.path(), "--log-directory", ""});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "store: ok\n");
  EXPECT_EQ(ending.errors, "");
}

TEST(HostUnitsTest, AreWritten) {
  ConfigDirectory directory;
  TempDir output;
  directory.Write("store", kGood);
  const Ending ending =
      RunHost({"units", directory.path(), "--output", output.path()});
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.output, "");
  EXPECT_EQ(ContentOf(output.file("store.socket")),
            R"([Unit]
Description=Socket store of store

[Socket]
ListenStream=/tmp/s
FileDescriptorName=store
Service=store.service
SocketMode=0600

[Install]
WantedBy=sockets.target
)");
  EXPECT_EQ(ContentOf(output.file("store.service")),
            R"([Unit]
Description=store
StartLimitIntervalSec=2m22.7s
StartLimitBurst=10

[Service]
Type=notify
ExecStart=:"/bin/true"
Sockets=store.socket
WorkingDirectory=/
TimeoutStartSec=30s
TimeoutStopSec=20s
Restart=on-failure
RestartSec=100ms
# from systemd 254 on: RestartSteps=7 RestartMaxDelaySec=10s
SyslogIdentifier=store
)");
  const auto files = std::filesystem::directory_iterator(output.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
}

TEST(HostUnitsTest, HaveAllSettings) {
  ConfigDirectory directory;
  directory.Write("store", R"(
    command: ["/bin/sh", "-c", "echo \"100%\" $HOME\\\n'"]
    environment: "A=100% \"sure\""
    working_directory: "/tmp"
    sockets { address: "unix-seqpacket:@name" }
    sockets { address: "unix-dgram:/tmp/s" name: "other" mode: 0666
              owner: "daemon" group: "tty" }
    start: START_AT_ONCE
    readiness: READINESS_STARTED
    start_timeout: "inf"
    stop_timeout: "1500ms"
    restart { delay: "5s" max_delay: "5s" max_failures: 2 stable_after: "1m" }
    user: "daemon"
    group: "tty"
    limits { resource: "nofile" soft: 100 hard: 200 }
    limits { resource: "core" soft: 0 }
    no_new_privileges: true
    umask: 0027
    namespaces: [NAMESPACE_NETWORK, NAMESPACE_IPC, NAMESPACE_UTS,
                 NAMESPACE_MOUNT, NAMESPACE_PID]
    max_stored_descriptors: 7
    log { destination: DESTINATION_NONE })");
  const Ending ending = RunHost({"units", directory.path(), "--output", "-"});
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.output, R"(# store.socket
[Unit]
Description=Socket store of store

[Socket]
ListenSequentialPacket=@name
FileDescriptorName=store
Service=store.service

[Install]
WantedBy=sockets.target

# store-2.socket
[Unit]
Description=Socket other of store

[Socket]
ListenDatagram=/tmp/s
FileDescriptorName=other
Service=store.service
SocketMode=0666
SocketUser=daemon
SocketGroup=tty

[Install]
WantedBy=sockets.target

# store.service
[Unit]
Description=store
StartLimitIntervalSec=2m10s
StartLimitBurst=2

[Service]
Type=exec
ExecStart=:"/bin/sh" "-c" "echo \"100%%\" $HOME\\\x0a'"
Sockets=store.socket store-2.socket
Environment="A=100%% \"sure\""
WorkingDirectory=/tmp
TimeoutStartSec=infinity
TimeoutStopSec=1.5s
Restart=always
RestartSec=5s
User=daemon
Group=tty
UMask=0027
LimitNOFILE=100:200
LimitCORE=0:infinity
NoNewPrivileges=yes
PrivateNetwork=yes
PrivateIPC=yes
ProtectHostname=yes
PrivateMounts=yes
# from systemd 257 on: PrivatePIDs=yes
FileDescriptorStoreMax=7
SyslogIdentifier=store
StandardOutput=null
StandardError=null

[Install]
WantedBy=multi-user.target

)");
}

TEST(HostUnitsTest, SayThatSystemdStopsNoIdleService) {
  ConfigDirectory directory;
  directory.Write("store", std::string(kGood) + "idle_timeout: \"2m\"");
  EXPECT_THAT(RunHost({"units", directory.path(), "--output", "-"}).output,
              HasSubstr("\n# idle_timeout is 2m: systemd stops no idle "
                        "service; ServerOptions::idle_timeout does\n"));
}

TEST(HostUnitsTest, HaveTheWatchdog) {
  ConfigDirectory directory;
  directory.Write("store", std::string(kGood) + "watchdog_timeout: \"1500ms\"");
  EXPECT_THAT(RunHost({"units", directory.path(), "--output", "-"}).output,
              HasSubstr("\nWatchdogSec=1.5s\n"));
}

TEST(HostUnitsTest, AreNotWrittenIfAFileIsWrong) {
  ConfigDirectory directory;
  TempDir output;
  directory.Write("a", kGood);
  directory.Write("b", "command: 5");
  const Ending ending =
      RunHost({"units", directory.path(), "--output", output.path()});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, StartsWith(directory.file("b") + ":1: "));
  EXPECT_TRUE(std::filesystem::is_empty(output.path()));
}

TEST(HostUnitsTest, NeedADirectory) {
  ConfigDirectory directory;
  directory.Write("a", kGood);
  const Ending ending = RunHost(
      {"units", directory.path(), "--output", directory.path() + "/none"});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_EQ(ending.errors,
            absl::StrCat("fdrpc-host units: ", directory.path(),
                         "/none/a.socket: No such file or directory\n"));
}

TEST(HostUnitsTest, RefuseWrongUse) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"units"},
        {"units", "a"},
        {"units", "a", "b", "--output", "-"},
        {"units", "--other", "a"}}) {
    const Ending ending = RunHost(words);
    EXPECT_EQ(ending.exit_status, 2);
    EXPECT_THAT(ending.errors, StartsWith("fdrpc-host units: "));
    EXPECT_THAT(ending.errors, HasSubstr("\nTry fdrpc-host units --help\n"));
    EXPECT_THAT(ending.output, IsEmpty());
  }
}

}  // namespace
}  // namespace fdrpc::testing
