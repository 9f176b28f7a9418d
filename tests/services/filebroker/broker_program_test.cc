// fdrpc-filebroker as a process.
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/broker.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/service_manager.h"

namespace fdrpc::filebroker {
namespace {

using testing::Broker;
using ::testing::ElementsAre;
using testing::Ending;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BrokerProgramTest : public ::testing::Test {
 protected:
  std::string address(const std::string& name = "socket") const {
    return tree_.around().address(name);
  }
  static absl::StatusOr<Parcel<v1::OpenReply>> Open(
      const std::string& address, const v1::OpenRequest& request) {
    absl::StatusOr<Channel> channel = Channel::Connect(address);
    if (!channel.ok()) return channel.status();
    return v1::FileBroker::Stub(*channel).Open(request);
  }
  static v1::OpenRequest Request(const std::string& path,
                                 v1::Access access = v1::ACCESS_READ) {
    v1::OpenRequest request;
    request.set_path(path);
    request.set_access(access);
    return request;
  }
  // The content of the file "file", as a new client reads it.
  static std::string Read(const std::string& address) {
    absl::StatusOr<Parcel<v1::OpenReply>> reply =
        Open(address, Request("file"));
    if (!reply.ok()) return reply.status().ToString();
    return testing::ReadRest(reply->file());
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
};

TEST_F(BrokerProgramTest,
       ServesOnEveryAddressUntilSigtermAndRemovesItsSockets) {
  tree_.Write("file", "content");
  const std::string abstract =
      "unix:@fdrpc-broker-test-" + std::to_string(getpid());
  Broker broker(tree_, {address("a"), address("b"), abstract});
  EXPECT_THAT(broker.ready_lines(), ElementsAre("listening on " + address("a"),
                                                "listening on " + address("b"),
                                                "listening on " + abstract));
  for (const std::string& each : {address("a"), address("b"), abstract}) {
    EXPECT_EQ(Read(each), "content");
  }
  EXPECT_TRUE(std::filesystem::exists(tree_.around().file("a")));
  const Ending ending = broker.Stop(SIGTERM);
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.errors, "");
  EXPECT_FALSE(std::filesystem::exists(tree_.around().file("a")));
  EXPECT_FALSE(std::filesystem::exists(tree_.around().file("b")));
}

TEST_F(BrokerProgramTest, EndsInOrderWheneverASignalComesAfterTheReadyLine) {
  for (int i = 0; i < 20; ++i) {
    Broker broker(tree_, {address()});
    EXPECT_EQ(broker.Stop(i % 2 == 0 ? SIGTERM : SIGINT).exit_status, 0);
    ASSERT_FALSE(std::filesystem::exists(tree_.around().file("socket")));
  }
}

TEST_F(BrokerProgramTest, EndsThoughClientsAreConnected) {
  tree_.Write("file", "content");
  Broker broker(tree_, {address()});
  absl::StatusOr<Channel> channel = Channel::Connect(address());
  ASSERT_TRUE(channel.ok());
  v1::FileBroker::Stub stub(*channel);
  ASSERT_TRUE(stub.Open(Request("file")).ok());
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
  EXPECT_EQ(stub.Open(Request("file")).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(BrokerProgramTest, KeepsNoDescriptorOfWhatItOpened) {
  tree_.Write("file", "content");
  tree_.MakeDirectory("directory");
  Broker broker(tree_, {address()});
  absl::StatusOr<Channel> channel = Channel::Connect(address());
  ASSERT_TRUE(channel.ok());
  v1::FileBroker::Stub stub(*channel);
  ASSERT_TRUE(stub.Open(Request("file")).ok());
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(stub.Open(Request("file")).ok());
    EXPECT_FALSE(stub.Open(Request("directory")).ok());
    EXPECT_FALSE(stub.Open(Request("none")).ok());
  }
  // It closes the last one a moment after the client has it.
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  bool holds_file = true;
  while (holds_file && std::chrono::steady_clock::now() < give_up) {
    holds_file = false;
    for (const auto& [fd, target] :
         testing::TakeCensusOf(broker.program().pid())) {
      holds_file |= target.ends_with("/file") || target.ends_with("/directory");
    }
    std::this_thread::yield();
  }
  EXPECT_FALSE(holds_file);
}

TEST_F(BrokerProgramTest, GivesTheSocketExactlyTheModeAskedForAndNoFileThat) {
  const mode_t former = umask(077);
  {
    Broker broker(tree_, {address()}, {"--socket-mode", "0662"});
    umask(former);
    struct stat info = {};
    ASSERT_EQ(stat(tree_.around().file("socket").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0662u);
    v1::OpenRequest request = Request("new", v1::ACCESS_WRITE);
    request.set_creation(v1::CREATION_IF_MISSING);
    request.set_permissions(0777);
    EXPECT_TRUE(Open(address(), request).ok());
  }
  EXPECT_EQ(tree_.Permissions("new"), 0700) << "by the umask that it came with";
}

TEST_F(BrokerProgramTest, OpensForReadingOnlyIfToldSo) {
  tree_.Write("file", "content");
  Broker broker(tree_, {address()}, {"--read-only"});
  EXPECT_EQ(Read(address()), "content");
  EXPECT_EQ(Open(address(), Request("file", v1::ACCESS_WRITE)).status().code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(BrokerProgramTest, LogsToAFileThatSighupOpensAnew) {
  tree_.Write("file", "content");
  const std::string log = tree_.around().file("log");
  const std::string own = std::to_string(geteuid()) + "=" + tree_.path();
  Broker broker(tree_, {address()}, {"--audit", log, "--user-root", own});
  EXPECT_EQ(Read(address()), "content");
  std::filesystem::rename(log, log + ".old");
  broker.program().Signal(SIGHUP);
  // A thread of the broker takes the signal a moment later.
  do {
    ASSERT_EQ(Open(address(), Request("none")).status().code(),
              absl::StatusCode::kNotFound);
  } while (!tree_.Has("../log"));
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
  EXPECT_THAT(tree_.Read("../log.old"), HasSubstr(" Open \"file\" OK\n"));
  EXPECT_THAT(tree_.Read("../log"), HasSubstr(" Open \"none\" NOT_FOUND\n"));
}

TEST_F(BrokerProgramTest, ReplacesTheSocketOfABrokerThatWasKilled) {
  tree_.Write("file", "content");
  {
    Broker killed(tree_, {address()});
    EXPECT_EQ(killed.Stop(SIGKILL).signal, SIGKILL);
  }
  ASSERT_TRUE(std::filesystem::exists(tree_.around().file("socket")));
  Broker broker(tree_, {address()});
  EXPECT_EQ(Read(address()), "content");
}

TEST_F(BrokerProgramTest, LeavesAloneASocketThatIsInUseAndFilesThatAreNone) {
  tree_.Write("file", "content");
  Broker broker(tree_, {address()});
  for (const char* name : {"socket", "outside"}) {
    const Ending ending =
        testing::Run({FDRPC_FILEBROKER_PROGRAM, "--root", tree_.path(),
                      "--listen", address(name)});
    EXPECT_EQ(ending.exit_status, 1);
    EXPECT_THAT(ending.errors, HasSubstr(tree_.around().file(name)));
    EXPECT_EQ(ending.output, "");
  }
  EXPECT_EQ(Read(address()), "content");
}

TEST_F(BrokerProgramTest, EndsByItselfOnceItIsIdle) {
  tree_.Write("file", "content");
  Broker broker(tree_, {address()}, {"--idle-timeout", "50ms"});
  EXPECT_EQ(broker.program().Wait().exit_status, 0);
  EXPECT_FALSE(std::filesystem::exists(tree_.around().file("socket")));
}

TEST_F(BrokerProgramTest, TellsTheServiceManagerHowItFares) {
  const std::string notify = tree_.around().file("notify");
  const testing::NotifyListener manager(notify);
  const testing::ScopedVariable socket("NOTIFY_SOCKET", notify);
  const testing::ScopedVariable watchdog("WATCHDOG_USEC", "20000");
  Broker broker(tree_, {address()});
  EXPECT_EQ(manager.Read(), "READY=1");
  EXPECT_EQ(manager.Read(), "WATCHDOG=1");
  EXPECT_EQ(manager.Read(), "WATCHDOG=1");
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
  EXPECT_EQ(manager.ReadState(), "STOPPING=1");
}

TEST_F(BrokerProgramTest, SaysWhatIsWrongWithItsRoot) {
  const Ending ending =
      testing::Run({FDRPC_FILEBROKER_PROGRAM, "--root", tree_.path("none"),
                    "--listen", address()});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr(tree_.path("none")));
  EXPECT_FALSE(std::filesystem::exists(tree_.around().file("socket")));
}

TEST_F(BrokerProgramTest, ExplainsItsUse) {
  const Ending help = testing::Run({FDRPC_FILEBROKER_PROGRAM, "--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.output, StartsWith("usage: fdrpc-filebroker"));
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"--root", "/"},
      {"--listen", address()},
      {"--root", "/", "--listen", address(), "operand"},
      {"--root", "/", "--listen", address(), "--socket-mode", "999"},
      {"--root", "/", "--listen", address(), "--idle-timeout", "5"},
      {"--root", "/", "--root", "/", "--listen", address()},
      {"--root", "/", "--listen", address(), "--", "command"},
      {"--unknown"},
      {"--user-root", "0", "--listen", address()},
      {"--user-root", "0=", "--listen", address()},
      {"--user-root", "nobody-has-this-name=/", "--listen", address()},
      {"--user-root", "0=/", "--user-root", "0=/tmp", "--listen", address()},
      {"--root", "/", "--listen", address(), "--user-read-only", "no user"},
      {"--root", "", "--user-root", "0=/", "--listen", address()},
      {"--root", "/", "--listen", address(), "--audit", ""},
  };
  for (std::vector<std::string> words : wrong) {
    words.insert(words.begin(), FDRPC_FILEBROKER_PROGRAM);
    const Ending ending = testing::Run(words);
    EXPECT_EQ(ending.exit_status, 2);
    EXPECT_THAT(ending.errors, HasSubstr("Try fdrpc-filebroker --help"));
  }
}

TEST_F(BrokerProgramTest, SaysThatAnAddressIsNone) {
  const Ending ending = testing::Run(
      {FDRPC_FILEBROKER_PROGRAM, "--root", "/", "--listen", "/run/x.sock"});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("unix:/path"));
}

}  // namespace
}  // namespace fdrpc::filebroker
