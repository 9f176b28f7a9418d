#include "codegen/code_layout.h"

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"

namespace fdrpc::codegen {
namespace {

std::string LaidOut(int indent, const FunctionHead& function) {
  std::string text;
  {
    google::protobuf::io::StringOutputStream stream(&text);
    google::protobuf::io::Printer printer(&stream, '$');
    PrintFunctionHead(printer, indent, function);
  }
  return text;
}

TEST(CodeLayout, PutsAShortFunctionOnOneLine) {
  EXPECT_EQ(LaidOut(4, {.result = "int",
                        .name = "f",
                        .parameters = {"int a", "int b"},
                        .tail = " const;"}),
            "int f(int a, int b) const;\n");
}

TEST(CodeLayout, BreaksALongOneBeforeItsParameters) {
  const std::string name(70, 'f');
  EXPECT_EQ(LaidOut(0, {.result = "int",
                        .name = name,
                        .parameters = {"int a", "int b"},
                        .tail = ";"}),
            "int " + name + "(\n    int a, int b);\n");
}

TEST(CodeLayout, GivesLongParametersALineEach) {
  const std::string type(50, 'T');
  EXPECT_EQ(LaidOut(0, {.result = "int",
                        .name = "f",
                        .parameters = {type + " a", type + " b"},
                        .tail = ";"}),
            "int f(\n    " + type + " a,\n    " + type + " b);\n");
}

TEST(CodeLayout, BreaksBehindALongResult) {
  const std::string result(60, 'R');
  const std::string name(30, 'f');
  EXPECT_EQ(
      LaidOut(0,
              {.result = result, .name = name, .parameters = {}, .tail = " {"}),
      result + "\n" + name + "() {\n");
}

}  // namespace
}  // namespace fdrpc::codegen
