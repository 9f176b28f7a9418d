// The example programs, as users start them.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// A program whose output is read line by line.
class Talking {
 public:
  explicit Talking(const std::vector<std::string>& words) {
    auto [read_end, write_end] = Pipe();
    program_ = std::make_unique<Program>(
        words, ProgramOptions{.standard_output = write_end.get()});
    output_ = std::move(read_end);
  }
  std::string ReadLine() const { return Program::ReadLine(output_.get()); }
  Program& program() { return *program_; }

 private:
  UniqueFd output_;
  std::unique_ptr<Program> program_;
};

class ExamplesTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string address() const { return dir_.address("socket", GetParam()); }
  // Starts a server, and waits until it listens.
  std::unique_ptr<Talking> Serve(const char* program) const {
    auto server = std::make_unique<Talking>(
        std::vector<std::string>{program, "serve", address()});
    EXPECT_EQ(server->ReadLine(), "listening");
    return server;
  }
  static void Stop(Talking& server) {
    server.program().Signal(SIGTERM);
    EXPECT_EQ(server.program().Wait().exit_status, 0);
  }
  std::string FileWithText(const std::string& name,
                           const std::string& text) const {
    std::ofstream(dir_.file(name)) << text;
    return dir_.file(name);
  }

  const ExpectSameDescriptors same_;
  const TempDir dir_;
};

// A member of the chat, whose standard input is a pipe.
class Member {
 public:
  Member(const std::string& address, const std::string& name) {
    auto [from, to] = Pipe();
    const int input = fcntl(from.get(), F_DUPFD, 100);
    talking_ = std::make_unique<Talking>(std::vector<std::string>{
        "/bin/bash", "-c",
        absl::StrCat("exec " FDRPC_EXAMPLE_CHAT " join ", address, " ", name,
                     " <&", input)});
    close(input);
    input_ = std::move(to);
  }
  void Say(const std::string& text) const {
    ASSERT_EQ(dprintf(input_.get(), "%s\n", text.c_str()),
              static_cast<int>(text.size()) + 1);
  }
  std::string Hear() const { return talking_->ReadLine(); }
  // Ends its input.
  Ending Leave() {
    input_.Reset();
    return talking_->program().Wait();
  }

 private:
  UniqueFd input_;
  std::unique_ptr<Talking> talking_;
};

TEST_P(ExamplesTest, Chat) {
  const auto server = Serve(FDRPC_EXAMPLE_CHAT);
  Member ann(address(), "ann");
  EXPECT_EQ(ann.Hear(), "welcome, ann");
  Member bob(address(), "bob");
  EXPECT_EQ(bob.Hear(), "welcome, bob");
  EXPECT_EQ(ann.Hear(), "bob has come");
  ann.Say("hello");
  EXPECT_EQ(bob.Hear(), "ann: hello");
  bob.Say("hi");
  EXPECT_EQ(ann.Hear(), "bob: hi");
  EXPECT_EQ(bob.Leave().exit_status, 0);
  EXPECT_EQ(ann.Hear(), "bob has gone");
  EXPECT_EQ(ann.Leave().exit_status, 0);
  Stop(*server);
}

TEST_P(ExamplesTest, Filter) {
  const auto server = Serve(FDRPC_EXAMPLE_FILTER);
  // More than a pipe holds.
  std::string text;
  std::string numbered;
  std::string upper;
  for (int i = 1; i <= 20'000; ++i) {
    text += "some text\n";
    upper += "SOME TEXT\n";
    absl::StrAppend(&numbered, i, " some text\n");
  }
  const auto run = [&](const char* name) {
    return testing::Run({FDRPC_EXAMPLE_FILTER, "run", address(), name},
                        {.input = text});
  };
  EXPECT_EQ(run("upper").output, upper);
  EXPECT_EQ(run("number").output, numbered);
  const Ending unknown = run("sort");
  EXPECT_EQ(unknown.exit_status, 1);
  EXPECT_THAT(unknown.errors, HasSubstr("there is no such filter"));
  Stop(*server);
}

TEST_P(ExamplesTest, Pool) {
  const auto server = Serve(FDRPC_EXAMPLE_POOL);
  const std::string a = FileWithText("a", "\x01\x02");
  const std::string b = FileWithText("b", "\x03");
  const auto sum = [&] {
    return testing::Run({FDRPC_EXAMPLE_POOL, "sum", address(), a, b}).output;
  };
  Talking first({FDRPC_EXAMPLE_POOL, "work", address()});
  ASSERT_THAT(first.ReadLine(), HasSubstr("working as "));
  const std::string by_first = absl::StrCat(" by ", first.program().pid());
  EXPECT_EQ(sum(), absl::StrCat("3 ", a, by_first, "\n3 ", b, by_first, "\n"));
  // One that has died is replaced.
  Talking second({FDRPC_EXAMPLE_POOL, "work", address()});
  ASSERT_THAT(second.ReadLine(), HasSubstr("working as "));
  first.program().Signal(SIGKILL);
  first.program().Wait();
  const std::string by_second = absl::StrCat(" by ", second.program().pid());
  EXPECT_EQ(sum(),
            absl::StrCat("3 ", a, by_second, "\n3 ", b, by_second, "\n"));
  Stop(*server);
  EXPECT_EQ(second.program().Wait().exit_status, 0);
}

INSTANTIATE_TEST_SUITE_P(, ExamplesTest,
                         ::testing::Values("unix:", "unix-seqpacket:",
                                           "unix-dgram:"));

TEST(ChildExampleTest, AChildCountsWhatItsParentOpens) {
  const ExpectSameDescriptors same;
  const TempDir dir;
  std::ofstream(dir.file("two")) << "a\nb\n";
  std::ofstream(dir.file("none")) << "";
  const Ending ending =
      testing::Run({FDRPC_EXAMPLE_CHILD, dir.file("two"), dir.file("none")});
  EXPECT_EQ(ending.exit_status, 0) << ending.errors;
  EXPECT_EQ(ending.output, absl::StrCat("2 ", dir.file("two"), "\n0 ",
                                        dir.file("none"), "\n"));
  const Ending missing =
      testing::Run({FDRPC_EXAMPLE_CHILD, dir.file("missing")});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_THAT(missing.errors, HasSubstr("NOT_FOUND: " + dir.file("missing")));
}

TEST(ExamplesUsageTest, IsOneLineForWrongWords) {
  for (const char* program : {FDRPC_EXAMPLE_CHAT, FDRPC_EXAMPLE_CHILD,
                              FDRPC_EXAMPLE_FILTER, FDRPC_EXAMPLE_POOL}) {
    const Ending ending = testing::Run({program});
    EXPECT_EQ(ending.exit_status, 2);
    EXPECT_THAT(ending.errors, MatchesRegex("usage: fdrpc-example[^\n]*\n"));
  }
  const Ending no_server =
      testing::Run({FDRPC_EXAMPLE_CHAT, "join", "unix:/none", "x"});
  EXPECT_EQ(no_server.exit_status, 1);
  EXPECT_THAT(no_server.errors, ContainsRegex("UNAVAILABLE: .*/none"));
}

}  // namespace
}  // namespace fdrpc::testing
