// fdrpc-open, against fdrpc-filebroker, each as a process.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/broker.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

using testing::Broker;
using testing::Ending;
using ::testing::HasSubstr;
using testing::Program;
using testing::ProgramOptions;
using ::testing::StartsWith;

class OpenProgramTest : public ::testing::Test {
 protected:
  void StartBroker(const std::vector<std::string>& options = {}) {
    broker_.emplace(tree_, std::vector<std::string>{address()}, options);
  }
  std::string address() const { return tree_.around().address(); }
  std::vector<std::string> Words(const std::vector<std::string>& words) const {
    std::vector<std::string> all = {FDRPC_OPEN_PROGRAM, "--server", address()};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  Ending RunOpen(const std::vector<std::string>& words,
                 ProgramOptions options = {}) const {
    return testing::Run(Words(words), std::move(options));
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
  std::optional<Broker> broker_;
};

TEST_F(OpenProgramTest, CopiesAFileToStandardOutput) {
  StartBroker();
  std::string content;
  while (content.size() < (3u << 20)) content += std::to_string(content.size());
  tree_.Write("file", content);
  tree_.Write("empty", "");
  const Ending ending = RunOpen({"file"});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_TRUE(ending.output == content);
  EXPECT_EQ(ending.errors, "");
  EXPECT_EQ(RunOpen({"empty"}).exit_status, 0);
}

TEST_F(OpenProgramTest, CopiesStandardInputToAFile) {
  StartBroker();
  tree_.Write("file", "0123456789");
  EXPECT_EQ(RunOpen({"--mode", "write", "file"}, {.input = "abc"}).exit_status,
            0);
  EXPECT_EQ(tree_.Read("file"), "abc3456789");
  EXPECT_EQ(RunOpen({"--mode", "append", "file"}, {.input = "def"}).exit_status,
            0);
  EXPECT_EQ(tree_.Read("file"), "abc3456789def");
  EXPECT_EQ(RunOpen({"--mode", "write", "--truncate", "file"}, {.input = "new"})
                .exit_status,
            0);
  EXPECT_EQ(tree_.Read("file"), "new");
}

TEST_F(OpenProgramTest, CreatesAFileIfToldSo) {
  StartBroker();
  EXPECT_EQ(RunOpen({"--mode", "write", "made"}, {.input = "x"}).exit_status,
            15);
  EXPECT_FALSE(tree_.Has("made"));
  EXPECT_EQ(RunOpen({"--mode=write", "--create", "--permissions=0644", "made"},
                    {.input = "x"})
                .exit_status,
            0);
  EXPECT_EQ(tree_.Read("made"), "x");
  EXPECT_EQ(tree_.Permissions("made") & 0700, 0600);
  const Ending again =
      RunOpen({"--mode", "write", "--exclusive", "made"}, {.input = "y"});
  EXPECT_EQ(again.exit_status, 16);
  EXPECT_THAT(again.errors, HasSubstr("ALREADY_EXISTS: \"made\""));
  EXPECT_EQ(tree_.Read("made"), "x");
}

TEST_F(OpenProgramTest, NamesTheStatusAndExitsWithItsNumberPlusTen) {
  StartBroker();
  tree_.MakeDirectory("directory");
  const struct {
    const char* path;
    int exit_status;
    const char* error;
  } table[] = {
      {"none", 15, "fdrpc-open: NOT_FOUND: \"none\""},
      {"../outside", 17, "fdrpc-open: PERMISSION_DENIED: \"../outside\""},
      {"/etc/passwd", 13, "fdrpc-open: INVALID_ARGUMENT: \"/etc/passwd\""},
      {"directory", 19, "fdrpc-open: FAILED_PRECONDITION: \"directory\""},
  };
  for (const auto& row : table) {
    const Ending ending = RunOpen({row.path});
    EXPECT_EQ(ending.exit_status, row.exit_status) << row.path;
    EXPECT_THAT(ending.errors, StartsWith(row.error));
    EXPECT_EQ(ending.output, "");
  }
}

TEST_F(OpenProgramTest, SaysThatNobodyListens) {
  const Ending ending = RunOpen({"file"});
  EXPECT_EQ(ending.exit_status, 24);
  EXPECT_THAT(ending.errors, HasSubstr("UNAVAILABLE: nobody listens"));
}

TEST_F(OpenProgramTest, WaitsForABrokerThatIsNotThereYet) {
  tree_.Write("file", "content");
  Program open(Words({"--wait", "--timeout", "60s", "file"}));
  StartBroker();
  const Ending ending = open.Wait();
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.output, "content");
}

TEST_F(OpenProgramTest, GivesUpAfterTheTimeout) {
  UniqueFd deaf(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  tree_.around().file("socket").copy(name.sun_path, sizeof(name.sun_path) - 1);
  ASSERT_EQ(bind(deaf.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)),
            0);
  ASSERT_EQ(listen(deaf.get(), 1), 0);
  const Ending ending = RunOpen({"--timeout", "50ms", "file"});
  EXPECT_EQ(ending.exit_status, 14);
  EXPECT_THAT(ending.errors, HasSubstr("DEADLINE_EXCEEDED"));
}

TEST_F(OpenProgramTest, GivesACommandTheDescriptorAndNoOtherOfItsOwn) {
  StartBroker();
  tree_.Write("file", "content");
  // The directory that the shell lists is closed when it looks for its entries.
  const std::vector<std::string> list = {
      "sh", "-c",
      "cd /proc/self/fd; for fd in *; do [ ! -e $fd ] || echo $fd; done"};
  const auto numbers = [](const std::string& text) {
    std::istringstream stream(text);
    std::set<int> all;
    for (int number; stream >> number;) all.insert(number);
    return all;
  };
  const std::set<int> before = numbers(testing::Run(list).output);
  for (const int fd : {3, 4, 5, 6, 7, 8, 9, 200}) {
    std::vector<std::string> words = {"file", "--fd", std::to_string(fd), "--"};
    words.insert(words.end(), list.begin(), list.end());
    std::set<int> expected = before;
    expected.insert(fd);
    EXPECT_EQ(numbers(RunOpen(words).output), expected) << "--fd " << fd;
  }
  EXPECT_EQ(RunOpen({"file", "--", "cat", "/proc/self/fd/3"}).output,
            "content");
  EXPECT_EQ(RunOpen({"file", "--fd", "0", "--", "cat"}).output, "content");
}

TEST_F(OpenProgramTest, GivesACommandADescriptorToReadAndWrite) {
  StartBroker();
  tree_.Write("file", "0123456789");
  const Ending ending =
      RunOpen({"--mode", "read-write", "file", "--", "sh", "-c",
               "dd bs=4 count=1 status=none <&3; printf four >&3; cat <&3"});
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.output, "012389");
  EXPECT_EQ(tree_.Read("file"), "0123four89");
}

TEST_F(OpenProgramTest, EndsAsTheCommandDoes) {
  StartBroker();
  tree_.Write("file", "content");
  EXPECT_EQ(RunOpen({"file", "--", "sh", "-c", "exit 77"}).exit_status, 77);
  EXPECT_EQ(RunOpen({"file", "--", "sh", "-c", "kill -TERM $$"}).signal,
            SIGTERM);
}

TEST_F(OpenProgramTest, SaysThatACommandCannotBeRun) {
  StartBroker();
  tree_.Write("file", "content");
  const Ending missing = RunOpen({"file", "--", "./no-such-command"});
  EXPECT_EQ(missing.exit_status, 127);
  EXPECT_THAT(missing.errors, StartsWith("fdrpc-open: ./no-such-command: "));
  EXPECT_EQ(RunOpen({"file", "--", "/"}).exit_status, 126);
  EXPECT_EQ(RunOpen({"file", "--fd", "2000000000", "--", "true"}).exit_status,
            126);
  const Ending redirected = RunOpen(
      {"--mode", "write", "file", "--fd", "2", "--", "no-such-command"});
  EXPECT_THAT(redirected.errors, HasSubstr("no-such-command"));
  EXPECT_EQ(tree_.Read("file"), "content") << "the message is not for the file";
}

TEST_F(OpenProgramTest, EndsLikeOtherFiltersWhenNobodyReadsItsOutput) {
  StartBroker();
  tree_.Write("file", "content");
  auto [read_end, write_end] = testing::Pipe();
  read_end.Reset();
  EXPECT_EQ(RunOpen({"file"}, {.standard_output = write_end.get()}).signal,
            SIGPIPE);
  const auto former = std::signal(SIGPIPE, SIG_IGN);  // inherited
  const Ending ending = RunOpen({"file"}, {.standard_output = write_end.get()});
  std::signal(SIGPIPE, former);
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("writing"));
}

TEST_F(OpenProgramTest, ReportsAFullOutput) {
  StartBroker();
  tree_.Write("file", "content");
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Ending ending = RunOpen({"file"}, {.standard_output = full.get()});
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors, HasSubstr("No space left"));
}

TEST_F(OpenProgramTest, NeverTakesASocketForAMissingStandardOutput) {
  StartBroker();
  tree_.Write("file", "content");
  const std::string open =
      std::string(FDRPC_OPEN_PROGRAM) + " --server " + address() + " file";
  EXPECT_EQ(testing::Run({"sh", "-c", open + " >&-"}).exit_status, 1);
  EXPECT_EQ(testing::Run({"sh", "-c", open + " <&- >&- 2>&-"}).exit_status, 1);
  EXPECT_EQ(testing::Run({"sh", "-c", open + " <&- 2>&-"}).output, "content");
}

TEST_F(OpenProgramTest, ReadsForAUserWhoMayNot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  StartBroker({"--socket-mode", "0666"});
  tree_.Write("file", "secret");
  ASSERT_EQ(chmod(tree_.path("file").c_str(), 0600), 0);
  ASSERT_EQ(chmod(tree_.path().c_str(), 0700), 0);
  // The other user needs access to the socket and to a program.
  ASSERT_EQ(chmod(tree_.around().path().c_str(), 0711), 0);
  const std::string program = tree_.around().file("fdrpc-open");
  std::filesystem::copy_file(FDRPC_OPEN_PROGRAM, program);
  const std::vector<std::string> as_nobody = {
      "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"};
  std::vector<std::string> words = as_nobody;
  words.insert(words.end(), {"cat", tree_.path("file")});
  EXPECT_EQ(testing::Run(words).exit_status, 1);
  words = as_nobody;
  words.insert(words.end(), {program, "--server", address(), "file"});
  const Ending ending = testing::Run(words);
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.output, "secret");
}

TEST_F(OpenProgramTest, ExplainsItsUse) {
  const Ending help = testing::Run({FDRPC_OPEN_PROGRAM, "--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.output, StartsWith("usage: fdrpc-open"));
  EXPECT_EQ(testing::Run({FDRPC_OPEN_PROGRAM, "file"}).exit_status, 2);
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"one", "two"},
      {"file", "--"},
      {"file", "--fd", "3"},
      {"file", "--fd", "-1", "--", "true"},
      {"file", "--fd", "x", "--", "true"},
      {"file", "--mode", "read-write"},
      {"file", "--mode", "execute"},
      {"file", "--create"},
      {"file", "--mode", "read", "--truncate"},
      {"file", "--mode", "write", "--permissions", "4755"},
      {"file", "--timeout", "5"},
      {"file", "--timeout", "0s"},
  };
  for (const std::vector<std::string>& words : wrong) {
    const Ending ending = RunOpen(words);
    EXPECT_EQ(ending.exit_status, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(ending.errors, HasSubstr("Try fdrpc-open --help"));
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
