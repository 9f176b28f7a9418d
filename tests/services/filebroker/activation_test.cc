// fdrpc-filebroker as a service manager starts it: with systemd's own tool, and
// with a manager of the test that starts it again and again.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"
#include "tests/support/service_manager.h"

namespace fdrpc::filebroker {
namespace {

using testing::Ending;
using ::testing::HasSubstr;
using testing::Program;

struct SocketType {
  const char* name;
  int type;
  const char* scheme;
  const char* option;  // of systemd-socket-activate
};

// For the names of tests, which would otherwise contain the bytes of pointers.
void PrintTo(const SocketType& type, std::ostream* out) { *out << type.name; }

constexpr SocketType kSocketTypes[] = {
    {"Stream", SOCK_STREAM, "unix:", nullptr},
    {"Seqpacket", SOCK_SEQPACKET, "unix-seqpacket:", "--seqpacket"},
    {"Datagram", SOCK_DGRAM, "unix-dgram:", "--datagram"}};

std::string NameOf(const ::testing::TestParamInfo<SocketType>& type) {
  return type.param.name;
}

// The root of the tree contains a file "file".
class BrokerActivation : public ::testing::TestWithParam<SocketType> {
 protected:
  BrokerActivation() { tree_.Write("file", "content"); }

  std::string path() const { return tree_.around().file("socket"); }
  absl::StatusOr<Channel> NewChannel() const {
    return Channel::Connect(GetParam().scheme + path());
  }
  static std::string Read(const absl::StatusOr<Channel>& channel) {
    if (!channel.ok()) return channel.status().ToString();
    v1::OpenRequest request;
    request.set_path("file");
    request.set_access(v1::ACCESS_READ);
    absl::StatusOr<Parcel<v1::OpenReply>> reply =
        v1::FileBroker::Stub(*channel).Open(request);
    if (!reply.ok()) return reply.status().ToString();
    return testing::ReadRest(reply->file());
  }
  std::vector<std::string> BrokerWords(
      const std::vector<std::string>& options) const {
    std::vector<std::string> words = {FDRPC_FILEBROKER_PROGRAM, "--root",
                                      tree_.path()};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
};

// systemd-socket-activate(1), which listens and starts a broker at the first
// connection or datagram, in its own process, or one broker for each
// connection.
class SocketActivateTest : public BrokerActivation {
 protected:
  static constexpr char kTool[] = "systemd-socket-activate";

  void SetUp() override {
    ASSERT_EQ(testing::Run({"sh", "-c", std::string("command -v ") + kTool})
                  .exit_status,
              0)
        << kTool << " is missing: on Debian it is in the package systemd";
  }
  // Returns when it listens.
  void Activate(const std::vector<std::string>& options,
                const std::vector<std::string>& broker_options) {
    auto [read_end, write_end] = testing::Pipe();
    std::vector<std::string> words = {kTool, "--listen", path()};
    if (GetParam().option != nullptr) words.push_back(GetParam().option);
    // It passes on no variables by itself, not even those of the sanitizers.
    for (const char* name : {"ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
      if (getenv(name) != nullptr) words.insert(words.end(), {"-E", name});
    }
    for (const std::vector<std::string>& more :
         {options, {"--"}, BrokerWords(broker_options)}) {
      words.insert(words.end(), more.begin(), more.end());
    }
    tool_.emplace(words,
                  testing::ProgramOptions{.standard_error = write_end.get()});
    write_end.Reset();
    errors_ = std::move(read_end);
    AwaitLine("Listening on ");
  }
  // Reads its output up to a line that contains `part`.
  void AwaitLine(const std::string& part) {
    std::string line, all;
    do {
      line = Program::ReadLine(errors_.get());
      all += line + "\n";
    } while (!line.empty() && line.find(part) == std::string::npos);
    EXPECT_THAT(line, HasSubstr(part)) << all;
  }
  // The tool's process, which is also the broker's, unless it starts several.
  Ending Stop(int signal) {
    tool_->Signal(signal);
    return tool_->Wait();
  }

  UniqueFd errors_;
  std::optional<Program> tool_;
};

INSTANTIATE_TEST_SUITE_P(Types, SocketActivateTest,
                         ::testing::ValuesIn(kSocketTypes), NameOf);

TEST_P(SocketActivateTest, ServesWhatItIsPassed) {
  Activate({}, {"--listen", "systemd:"});
  EXPECT_EQ(Read(NewChannel()), "content");
  const Ending ending = Stop(SIGTERM);
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_EQ(ending.output, "");
  EXPECT_TRUE(std::filesystem::exists(path())) << "it is the manager's";
}

TEST_P(SocketActivateTest, ServesTheSocketOfAName) {
  Activate({"--fdname=broker"}, {"--listen", "systemd:broker"});
  EXPECT_EQ(Read(NewChannel()), "content");
  EXPECT_EQ(Stop(SIGTERM).exit_status, 0);
}

TEST_P(SocketActivateTest, SaysWhichNamesThereAre) {
  Activate({"--fdname=broker"}, {"--listen", "systemd:other"});
  EXPECT_THAT(Read(NewChannel()), HasSubstr("UNAVAILABLE"));
  AwaitLine("LISTEN_FDNAMES) are \"broker\"");
  EXPECT_EQ(tool_->Wait().exit_status, 1);
}

TEST_P(SocketActivateTest, EndsWhenItIsIdle) {
  Activate({}, {"--listen", "systemd:", "--idle-timeout", "20ms"});
  const absl::StatusOr<Channel> channel = NewChannel();
  EXPECT_EQ(Read(channel), "content");
  // The tool keeps no socket, because it became this process.
  EXPECT_EQ(tool_->Wait().exit_status, 0);
  EXPECT_THAT(Read(channel), HasSubstr("UNAVAILABLE"));
}

TEST_P(SocketActivateTest, ABrokerForEachConnectionEndsWithIt) {
  if (GetParam().type == SOCK_DGRAM) {
    GTEST_SKIP() << "a datagram socket has no connections to accept";
  }
  for (const bool inetd : {false, true}) {
    if (inetd) {
      Activate({"--accept", "--inetd"}, {"--listen", "fd:0"});
    } else {
      Activate({"--accept"}, {"--listen", "systemd:"});
    }
    for (int i = 0; i < 2; ++i) {
      {
        const absl::StatusOr<Channel> channel = NewChannel();
        EXPECT_EQ(Read(channel), "content");
        EXPECT_EQ(Read(channel), "content");
      }
      AwaitLine("died with code 0");
    }
    EXPECT_EQ(Stop(SIGTERM).signal, SIGTERM);
    std::filesystem::remove(path());
  }
}

// Broker and client of one connection that another program has made.
TEST(InheritedConnectionTest, BothProgramsTakeTheirEndByItsNumber) {
  testing::ExpectSameDescriptors at_the_end;
  testing::Tree tree;
  tree.Write("file", "content");
  auto [brokers, clients] = testing::SocketPair();
  const auto address_for_one_program = [](const UniqueFd& end) {
    EXPECT_EQ(fcntl(end.get(), F_SETFD, 0), 0);
    return absl::StrCat("fd:", end.get());
  };
  Program broker({FDRPC_FILEBROKER_PROGRAM, "--root", tree.path(), "--listen",
                  address_for_one_program(brokers)});
  brokers.Reset();
  const Ending open = testing::Run({FDRPC_OPEN_PROGRAM, "--server",
                                    address_for_one_program(clients), "file"});
  EXPECT_EQ(open.output, "content") << open.errors;
  clients.Reset();
  EXPECT_EQ(broker.Wait().exit_status, 0) << "the connection has ended";
}

// Starts the broker each time that it is needed and does not run, and keeps the
// listening socket. A process of its own, without threads.
class Restarter {
 public:
  Restarter(UniqueFd listener, const std::vector<std::string>& broker,
            int times) {
    auto [ended, has_ended] = testing::Pipe();
    pid_ = testing::Fork();
    if (pid_ == 0) {
      ended.Reset();
      for (int i = 0; i < times; ++i) {
        if (!StartOnce(listener.get(), broker)) _exit(1);
        (void)!write(has_ended.get(), "e", 1);
      }
      _exit(0);
    }
    ended_ = std::move(ended);
  }
  ~Restarter() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    Wait();
  }
  // Blocks until the next broker has exited with 0.
  bool AwaitExit() {
    char byte = 0;
    return read(ended_.get(), &byte, 1) == 1;
  }
  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  static bool StartOnce(int listener, const std::vector<std::string>& broker) {
    pollfd wanted = {.fd = listener, .events = POLLIN, .revents = 0};
    if (poll(&wanted, 1, -1) != 1) return false;
    const pid_t pid = testing::Fork();
    if (pid == 0) {
      testing::PassSockets({listener}, "broker");
      std::vector<char*> argv;
      for (const std::string& word : broker) {
        argv.push_back(const_cast<char*>(word.c_str()));
      }
      argv.push_back(nullptr);
      execv(argv[0], argv.data());
      _exit(127);
    }
    int status = 0;
    return waitpid(pid, &status, 0) == pid && status == 0;
  }

  UniqueFd ended_;
  pid_t pid_ = -1;
};

class BrokerRestartsTest : public BrokerActivation {};
INSTANTIATE_TEST_SUITE_P(Types, BrokerRestartsTest,
                         ::testing::ValuesIn(kSocketTypes), NameOf);

TEST_P(BrokerRestartsTest, AClientDoesNotNoticeThatTheBrokerWasNotThere) {
  Restarter manager(
      testing::BoundSocket(GetParam().type, path()),
      BrokerWords({"--listen", "systemd:broker", "--idle-timeout", "300ms"}),
      3);
  const absl::StatusOr<Channel> channel = NewChannel();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Read(channel), "content");
    // From the same broker, which must not count as idle meanwhile on a busy
    // machine.
    EXPECT_EQ(Read(channel), "content");
    EXPECT_TRUE(manager.AwaitExit());
  }
  EXPECT_EQ(manager.Wait(), 0);
}

TEST_P(BrokerRestartsTest, NoCallFailsThatComesJustWhenTheBrokerLeaves) {
  Restarter manager(
      testing::BoundSocket(GetParam().type, path()),
      BrokerWords({"--listen", "systemd:broker", "--idle-timeout", "5ms"}),
      1000);
  const absl::StatusOr<Channel> channel = NewChannel();
  // Each starts a program, which takes long with a sanitizer.
  constexpr int kCalls = testing::kSanitized ? 28 : 100;
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_EQ(Read(channel), "content") << i;
    // Before it exits, after it, or at that moment.
    pollfd nothing = {.fd = -1, .events = 0, .revents = 0};
    poll(&nothing, 1, i % 14);
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
