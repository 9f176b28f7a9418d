#include "codegen/comments.h"

#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Comments, KeepTheLinesOfTheSource) {
  EXPECT_THAT(CommentLines(" Opens.\n\n   Indented.\n"),
              ElementsAre("// Opens.", "//", "//   Indented."));
  EXPECT_THAT(CommentLines(""), IsEmpty());
  EXPECT_THAT(CommentLines("\n"), IsEmpty());
}

TEST(Comments, NeverContinueIntoTheNextLine) {
  EXPECT_THAT(CommentLines(" Ends in \\\n int x;"),
              ElementsAre("// Ends in \\ (end of line)", "// int x;"));
  EXPECT_THAT(CommentLines(" Ends in \\ \t\n"),
              ElementsAre("// Ends in \\ (end of line)"));
  EXPECT_THAT(CommentLines(" Ends in \?\?/\n"),
              ElementsAre("// Ends in \?\?/ (end of line)"));
  EXPECT_THAT(CommentLines(" Ends\r\n"), ElementsAre("// Ends"));
  EXPECT_THAT(CommentLines(" A\vB\f\n"), ElementsAre("// A B"));
}

TEST(Comments, ComeFromBeforeAnElementOrElseFromBehindIt) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {
        // Before.
        int32 a = 1;  // Behind a.
        int32 b = 2;  // Behind b.
        int32 c = 3;
      })");
  const auto& message = *file.message_type(0);
  EXPECT_EQ(CommentOf(*message.field(0)), " Before.\n");
  EXPECT_EQ(CommentOf(*message.field(1)), " Behind b.\n");
  EXPECT_EQ(CommentOf(*message.field(2)), "");
}

TEST(Comments, OfOurOwnAreBrokenIntoLines) {
  std::string text;
  {
    google::protobuf::io::StringOutputStream stream(&text);
    google::protobuf::io::Printer printer(&stream, '$');
    PrintProse(printer, 40, "one two three four five six seven eight nine");
    PrintProse(printer, 70, "unbreakablyLongName");
  }
  EXPECT_EQ(text,
            "// one two three four five six seven\n"
            "// eight nine\n"
            "// unbreakablyLongName\n");
}

}  // namespace
}  // namespace fdrpc::codegen
