// What fdrpc-open does with directories, against fdrpc-filebroker.
#include <csignal>
#include <string>
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

using testing::Ending;
using ::testing::HasSubstr;

class OpenDirectoryTest : public ::testing::Test {
 protected:
  std::vector<std::string> Words(std::vector<std::string> words) const {
    words.insert(words.begin(),
                 {FDRPC_OPEN_PROGRAM, "--server", tree_.around().address()});
    return words;
  }
  Ending RunOpen(const std::vector<std::string>& words) const {
    return testing::Run(Words(words));
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
  testing::Broker broker_{tree_, {tree_.around().address()}};
};

TEST_F(OpenDirectoryTest, MakesListsRenamesAndUnlinks) {
  EXPECT_EQ(RunOpen({"--make-directory", "a"}).exit_status, 0);
  tree_.Write("a/x y", "123");
  EXPECT_EQ(RunOpen({"--list", "a"}).output, "file 3 \"x y\"\n");
  EXPECT_EQ(RunOpen({"--list", "."}).output, "directory 0 \"a\"\n");
  EXPECT_EQ(RunOpen({"--rename", "a/x y", "z"}).exit_status, 0);
  EXPECT_EQ(tree_.Read("z"), "123");
  tree_.Write("other", "");
  const Ending kept = RunOpen({"--rename", "--no-replace", "other", "z"});
  EXPECT_EQ(kept.exit_status, 16);
  EXPECT_THAT(kept.errors, HasSubstr("fdrpc-open: ALREADY_EXISTS: \"z\""));
  EXPECT_EQ(RunOpen({"--unlink", "a"}).exit_status, 19);
  EXPECT_EQ(RunOpen({"--unlink", "--directory", "a"}).exit_status, 0);
  EXPECT_EQ(RunOpen({"--unlink", "z"}).exit_status, 0);
  EXPECT_FALSE(tree_.Has("a"));
  EXPECT_FALSE(tree_.Has("z"));
  EXPECT_EQ(RunOpen({"--unlink", "../outside"}).exit_status, 17);
}

TEST_F(OpenDirectoryTest, WatchesUntilTheDirectoryIsRemoved) {
  tree_.MakeDirectory("a");
  auto [read_end, write_end] = testing::Pipe();
  testing::Program watch(Words({"--watch", "a"}),
                         {.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(testing::Program::ReadLine(read_end.get()), "watching");
  tree_.MakeDirectory("a/sub");
  EXPECT_EQ(testing::Program::ReadLine(read_end.get()), "created \"sub\"");
  EXPECT_EQ(RunOpen({"--unlink", "--directory", "a/sub"}).exit_status, 0);
  EXPECT_EQ(testing::Program::ReadLine(read_end.get()), "removed \"sub\"");
  EXPECT_EQ(RunOpen({"--unlink", "--directory", "a"}).exit_status, 0);
  const Ending ending = watch.Wait();
  EXPECT_EQ(ending.exit_status, 15);
  EXPECT_THAT(ending.errors, HasSubstr("has been removed"));
}

TEST_F(OpenDirectoryTest, ABrokerThatStopsEndsAWatch) {
  auto [read_end, write_end] = testing::Pipe();
  testing::Program watch(Words({"--watch", "."}),
                         {.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(testing::Program::ReadLine(read_end.get()), "watching");
  EXPECT_EQ(broker_.Stop(SIGTERM).exit_status, 0);
  EXPECT_EQ(watch.Wait().exit_status, 24);
}

TEST_F(OpenDirectoryTest, ExplainsItsUse) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--list"},
      {"--list", "a", "b"},
      {"--list", "--watch", "a"},
      {"--rename", "a"},
      {"--unlink", "--no-replace", "a"},
      {"--list", "--directory", "a"},
      {"--make-directory", "--create", "a"},
      {"--list", "a", "--", "true"},
  };
  for (const std::vector<std::string>& words : wrong) {
    const Ending ending = RunOpen(words);
    EXPECT_EQ(ending.exit_status, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(ending.errors, HasSubstr("Try fdrpc-open --help"));
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
