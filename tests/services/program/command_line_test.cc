#include "services/program/command_line.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::program {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Arity = CommandLine::Arity;

// The words of a command line, and how they are parsed.
class Parsed {
 public:
  explicit Parsed(std::vector<std::string> words) : words_(std::move(words)) {
    words_.insert(words_.begin(), "program");
    for (std::string& word : words_) argv_.push_back(word.data());
    argv_.push_back(nullptr);
    line_ = CommandLine::Parse(static_cast<int>(words_.size()), argv_.data(),
                               {{"flag", Arity::kFlag, 'v'},
                                {"one", Arity::kOnce, 'n'},
                                {"many", Arity::kRepeated}});
  }
  const CommandLine* operator->() const { return &*line_; }
  std::string error() const { return std::string(line_.status().message()); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> argv_;
  absl::StatusOr<CommandLine> line_;
};

TEST(CommandLineTest, TakesShortForms) {
  const Parsed line({"-v", "-n", "1", "a"});
  EXPECT_EQ(line.error(), "");
  EXPECT_TRUE(line->Has("flag"));
  EXPECT_EQ(line->Get("one"), "1");
  EXPECT_THAT(Parsed({"-m", "1"}).error(), HasSubstr("no option -m"));
  EXPECT_THAT(Parsed({"-vv"}).error(), HasSubstr("no option -vv"));
  EXPECT_THAT(Parsed({"-n"}).error(), HasSubstr("-n needs a value"));
}

TEST(CommandLineTest, TakesOptionsAndOperandsInAnyOrder) {
  const Parsed line(
      {"a", "--one", "1", "--flag", "b", "--many=x", "--many", "y=z", "-"});
  EXPECT_EQ(line->Get("one"), "1");
  EXPECT_TRUE(line->Has("flag"));
  EXPECT_THAT(line->GetAll("many"), ElementsAre("x", "y=z"));
  EXPECT_THAT(line->operands(), ElementsAre("a", "b", "-"));
  EXPECT_EQ(line->command(), nullptr);
}

TEST(CommandLineTest, ValuesMayBeEmptyOrLookLikeOptions) {
  EXPECT_EQ(Parsed({"--one="})->Get("one"), "");
  EXPECT_EQ(Parsed({"--one", "--flag"})->Get("one"), "--flag");
  EXPECT_FALSE(Parsed({"--one", "--flag"})->Has("flag"));
}

TEST(CommandLineTest, LeavesTheCommandAsItIs) {
  const Parsed line({"a", "--", "run", "--one", "--", "b"});
  EXPECT_THAT(line->operands(), ElementsAre("a"));
  ASSERT_NE(line->command(), nullptr);
  EXPECT_STREQ(line->command()[0], "run");
  EXPECT_STREQ(line->command()[1], "--one");
  EXPECT_STREQ(line->command()[3], "b");
  EXPECT_EQ(line->command()[4], nullptr);
  EXPECT_FALSE(line->Has("one"));
  EXPECT_EQ(*Parsed({"--"})->command(), nullptr);
}

TEST(CommandLineTest, NamesTheWordThatIsWrong) {
  EXPECT_THAT(Parsed({"--none"}).error(), HasSubstr("--none"));
  EXPECT_THAT(Parsed({"-f"}).error(), HasSubstr("-f"));
  EXPECT_THAT(Parsed({"--fla"}).error(), HasSubstr("--fla"));
  EXPECT_THAT(Parsed({"--one"}).error(), HasSubstr("needs a value"));
  EXPECT_THAT(Parsed({"--flag=1"}).error(), HasSubstr("takes no value"));
  EXPECT_THAT(Parsed({"--one=1", "--one=2"}).error(), HasSubstr("given twice"));
  EXPECT_THAT(Parsed({"--many=1", "--many=2"}).error(), IsEmpty());
}

TEST(CommandLineTest, ReadsPermissionsInOctal) {
  EXPECT_EQ(ParsePermissions("0666").value(), 0666u);
  EXPECT_EQ(ParsePermissions("777").value(), 0777u);
  EXPECT_EQ(ParsePermissions("0").value(), 0u);
  EXPECT_EQ(ParsePermissions("0000000000000000000000755").value(), 0755u);
  for (const char* wrong : {"", "8", "1000", "4755", "rw", "-1", " 7", "0x7",
                            "77777777777777777"}) {
    EXPECT_FALSE(ParsePermissions(wrong).ok()) << wrong;
  }
}

TEST(CommandLineTest, ReadsNumbersAndNumbersOfBytes) {
  EXPECT_EQ(ParseBytes("1").value(), 1u);
  EXPECT_EQ(ParseBytes("4096").value(), 4096u);
  EXPECT_EQ(ParseBytes("64K").value(), 64u << 10);
  EXPECT_EQ(ParseBytes("512M").value(), 512u << 20);
  EXPECT_EQ(ParseBytes("2G").value(), uint64_t{2} << 30);
  EXPECT_EQ(ParseBytes("16777215T").value(), uint64_t{16777215} << 40);
  EXPECT_EQ(ParseNumber("18446744073709551615").value(), 18446744073709551615u);
  for (const char* wrong : {"", "0", "1K", "-1", "x"}) {
    EXPECT_FALSE(ParseNumber(wrong).ok()) << wrong;
  }
  for (const char* wrong : {"", "0", "0G", "K", "1k", "1KB", "-1", " 1", "1 ",
                            "1.5G", "16777216T", "18446744073709551616"}) {
    EXPECT_FALSE(ParseBytes(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace fdrpc::program
