#include "codegen/code_layout.h"

#include <functional>
#include <string>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"

namespace fdrpc::codegen {
namespace {

std::string Printed(
    const std::function<void(google::protobuf::io::Printer&)>& print) {
  std::string text;
  {
    google::protobuf::io::StringOutputStream stream(&text);
    google::protobuf::io::Printer printer(&stream, '$');
    print(printer);
  }
  return text;
}

std::string LaidOut(int indent, const FunctionHead& function) {
  return Printed([&](auto& p) { PrintFunctionHead(p, indent, function); });
}

std::string Line(int indent, const std::string& line) {
  return Printed([&](auto& p) { PrintLine(p, indent, line); });
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

TEST(CodeLayout, BreaksALongParameterWithinItsTemplate) {
  const std::string type(60, 'T');
  EXPECT_EQ(LaidOut(0, {.result = "int",
                        .name = "f",
                        .parameters = {"Template<" + type + "> a", "int b"},
                        .tail = ";"}),
            "int f(\n    Template<" + type + "> a,\n    int b);\n");
  EXPECT_EQ(LaidOut(10, {.result = "int",
                         .name = "f",
                         .parameters = {"Template<" + type + "> a", "int b"},
                         .tail = ";"}),
            "int f(\n    Template<\n        " + type + "> a,\n    int b);\n");
}

TEST(CodeLayout, LeavesALineThatFitsAsItIs) {
  const std::string line = "A<" + std::string(76, 'T') + ">;";
  EXPECT_EQ(Line(0, line), line + "\n");
  EXPECT_EQ(Line(1, line), "A<\n    " + std::string(76, 'T') + ">;\n");
}

TEST(CodeLayout, LeavesALongLineWithoutATemplateAsItIs) {
  const std::string line(100, 'x');
  EXPECT_EQ(Line(0, line), line + "\n");
}

TEST(CodeLayout, KeepsTheArgumentsOfATemplateTogether) {
  const std::string a(30, 'a');
  const std::string b(30, 'b');
  EXPECT_EQ(Line(10, "Template<" + a + ", " + b + "> x;"),
            "Template<\n    " + a + ", " + b + "> x;\n");
}

TEST(CodeLayout, GivesLongArgumentsOfATemplateALineEach) {
  const std::string a(40, 'a');
  const std::string b(40, 'b');
  EXPECT_EQ(Line(0, "T<P<" + a + ">, f(int, int), " + b + "> x;"),
            "T<\n"
            "    P<" +
                a +
                ">,\n"
                "    f(int, int),\n"
                "    " +
                b + "> x;\n");
}

TEST(CodeLayout, BreaksWithinTemplatesOfTemplates) {
  const std::string a(70, 'a');
  EXPECT_EQ(Line(0, "F<void(S<" + a + ">)> x;"),
            "F<\n"
            "    void(S<\n"
            "        " +
                a + ">)> x;\n");
}

TEST(CodeLayout, FillsLinesWithTheArgumentsOfACall) {
  const std::string a(30, 'a');
  const std::string b(30, 'b');
  const auto call = [&](int indent) {
    return Printed([&](auto& p) {
      PrintCall(p, indent, "function", {a, b, "c", "d"}, ");");
    });
  };
  EXPECT_EQ(call(0), "function(" + a + ", " + b + ", c, d));\n");
  EXPECT_EQ(call(2), "function(\n    " + a + ", " + b + ", c, d));\n");
  EXPECT_EQ(call(10), "function(\n    " + a + ", " + b + ", c,\n    d));\n");
}

}  // namespace
}  // namespace fdrpc::codegen
