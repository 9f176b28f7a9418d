#include "codegen/validation.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "codegen/file_generator.h"
#include "codegen/protobuf_version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kProto2[] =
    "syntax = \"proto2\"; package test; import \"fdrpc/fd.proto\"; "
    "import \"fdrpc/options.proto\";\n";
constexpr char kProto3[] =
    "syntax = \"proto3\"; package test; import \"fdrpc/fd.proto\"; "
    "import \"fdrpc/options.proto\";\n";

class ValidationTest : public ::testing::Test {
 protected:
  // The errors for x.proto; empty if there are none.
  std::string ProblemsOf(const std::string& text) {
    absl::StatusOr<GeneratedFile> generated =
        GenerateFile(files_.Add("x.proto", text));
    if (generated.ok()) return "";
    EXPECT_EQ(generated.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(generated.status().message());
  }

  ProtoFiles files_;
};

TEST_F(ValidationTest, RefusesExtensionsThatHoldADescriptor) {
  EXPECT_EQ(ProblemsOf(absl::StrCat(kProto2, R"(
message M { extensions 100 to 200; }
message WithFd { optional fdrpc.Fd fd = 1; }
extend M { optional fdrpc.Fd direct = 100; }
message Scope {
  extend M { repeated WithFd deep = 101; }
}
extend M { optional string fine = 102; })")),
            "x.proto:5: test.direct: this extension's type is fdrpc.Fd, and "
            "descriptors cannot travel in extensions; make it a field of "
            "test.M\n"
            "x.proto:7: test.Scope.deep: this extension's type test.WithFd "
            "contains an fdrpc.Fd, and descriptors cannot travel in "
            "extensions; make it a field of test.M");
}

TEST_F(ValidationTest, RefusesAPackageThatProtocsHeaderCannotName) {
  EXPECT_THAT(ProblemsOf("syntax = \"proto3\"; package a.operator.b; "
                         "message M {}"),
              AllOf(StartsWith("x.proto: package a.operator.b: "),
                    HasSubstr("\"operator\" is a keyword of C++")));
}

TEST_F(ValidationTest, RefusesExtensionsOfOtherFilesMessagesAlike) {
  files_.Add("y.proto",
             "syntax = \"proto2\"; package test;"
             "message M { extensions 100 to 200; }");
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto2, R"(import "y.proto";
extend M { optional fdrpc.Fd direct = 100; })")),
              StartsWith("x.proto:3: test.direct: "));
}

TEST_F(ValidationTest, AcceptsGroupsThatHoldADescriptor) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto2, R"(
message M {
  optional group Direct = 1 { optional fdrpc.Fd fd = 1; }
  repeated group Deep = 2 { map<string, WithFd> m = 1; }
}
message WithFd { optional fdrpc.Fd fd = 1; })")),
              IsEmpty());
}

TEST_F(ValidationTest, RefusesGroupsAsExtensionsThatHoldADescriptor) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto2, R"(
message M { extensions 100 to 200; }
extend M { optional group G = 100 { optional fdrpc.Fd fd = 1; } })")),
              StartsWith("x.proto:4: test.g: this extension's type test.G "
                         "contains an fdrpc.Fd, "));
}

TEST_F(ValidationTest, RefusesServicesThatProtocWritesClassesFor) {
  const std::string text =
      absl::StrCat(kProto3, "option cc_generic_services = true; message M {}");
  EXPECT_EQ(ProblemsOf(absl::StrCat(text, "service S {}")),
            "x.proto: option cc_generic_services makes protoc's C++ generator "
            "write classes of the same names as fdrpc's; remove the option");
}

TEST_F(ValidationTest, AcceptsGenericServicesWhereThereIsNoService) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(
                  kProto3, "option cc_generic_services = true; message M {}")),
              IsEmpty());
}

TEST_F(ValidationTest, AcceptsEmptyRules) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto3, R"(
message M {
  fdrpc.Fd a = 1 [(fdrpc.fd_rules) = {}];
  repeated fdrpc.Fd b = 2 [(fdrpc.fd_rules) = {}];
  map<string, fdrpc.Fd> c = 3 [(fdrpc.fd_rules) = {}];
}
service S {
  option (fdrpc.service_rules) = {};
  rpc R(M) returns (M) { option (fdrpc.method_rules) = {}; }
})")),
              IsEmpty());
}

TEST_F(ValidationTest, RefusesRulesThatAreNotEnforced) {
  files_.Add("rules.proto", R"(
      syntax = "proto2"; package test; import "fdrpc/options.proto";
      extend fdrpc.FdRules { optional string kind = 1000; }
      extend fdrpc.MethodRules { optional string kind_of_method = 1000; }
      extend fdrpc.ServiceRules { optional string kind_of_service = 1000; })");
  EXPECT_EQ(
      ProblemsOf(absl::StrCat(kProto3, R"(import "rules.proto";
message M {
  fdrpc.Fd fd = 1 [(fdrpc.fd_rules).(test.kind) = "socket"];
}
service S {
  option (fdrpc.service_rules).(test.kind_of_service) = "x";
  rpc R(M) returns (M) { option (fdrpc.method_rules) = { one_way: false [test.kind_of_method]: "x" }; }
})")),
      "x.proto:4: test.M.fd: option (fdrpc.fd_rules) sets a rule that this "
      "version of fdrpc does not enforce; remove the rule, or use a "
      "version that enforces it\n"
      "x.proto:6: test.S: option (fdrpc.service_rules) sets a rule that this "
      "version of fdrpc does not enforce; remove the rule, or use a "
      "version that enforces it\n"
      "x.proto:8: test.S.R: option (fdrpc.method_rules) sets a rule that this "
      "version of fdrpc does not enforce; remove the rule, or use a "
      "version that enforces it");
}

TEST_F(ValidationTest, TakesOneWayMethodsWhoseReplyHasNoFields) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto3, R"(
import "google/protobuf/empty.proto";
message M { fdrpc.Fd fd = 1; }
message None {}
service S {
  rpc A(M) returns (google.protobuf.Empty) { option (fdrpc.method_rules) = { one_way: true }; }
  rpc B(M) returns (None) { option (fdrpc.method_rules).one_way = true; }
  rpc C(stream M) returns (M) { option (fdrpc.method_rules).one_way = false; }
})")),
              IsEmpty());
}

TEST_F(ValidationTest, RefusesOneWayMethodsWithStreamsOrReplies) {
  EXPECT_EQ(
      ProblemsOf(absl::StrCat(kProto2, R"(
message None {}
message M { optional int32 number = 1; }
message Open { extensions 100 to 200; }
service S {
  rpc A(stream None) returns (None) { option (fdrpc.method_rules).one_way = true; }
  rpc B(None) returns (stream None) { option (fdrpc.method_rules).one_way = true; }
  rpc C(None) returns (M) { option (fdrpc.method_rules).one_way = true; }
  rpc D(None) returns (Open) { option (fdrpc.method_rules).one_way = true; }
})")),
      "x.proto:7: test.S.A: a one-way method has one request and no reply, and "
      "this one has a stream; remove the stream, or option one_way\n"
      "x.proto:8: test.S.B: a one-way method has one request and no reply, and "
      "this one has a stream; remove the stream, or option one_way\n"
      "x.proto:9: test.S.C: a one-way method gives no reply, and test.M has "
      "fields, or room for extensions; return google.protobuf.Empty, or remove "
      "option one_way\n"
      "x.proto:10: test.S.D: a one-way method gives no reply, and test.Open "
      "has "
      "fields, or room for extensions; return google.protobuf.Empty, or remove "
      "option one_way");
}

TEST_F(ValidationTest, RefusesRulesOfDescriptorsOnOtherFields) {
  EXPECT_EQ(
      ProblemsOf(absl::StrCat(kProto3, R"(
message Fd {}
message M {
  string text = 1 [(fdrpc.fd_rules) = {}];
  Fd mine = 2 [(fdrpc.fd_rules) = {}];
})")),
      "x.proto:5: test.M.text: option (fdrpc.fd_rules) is for fields of type "
      "fdrpc.Fd; remove the option, or give the field that type\n"
      "x.proto:6: test.M.mine: option (fdrpc.fd_rules) is for fields of type "
      "fdrpc.Fd; remove the option, or give the field that type");
}

TEST_F(ValidationTest, RefusesOptionsOfLaterVersionsEverywhere) {
  files_.Add("later.proto", R"(
      syntax = "proto2"; package test;
      import "google/protobuf/descriptor.proto";
      extend google.protobuf.FileOptions { optional bool f = 51889; }
      extend google.protobuf.MessageOptions { optional bool m = 51880; }
      extend google.protobuf.FieldOptions { optional bool fi = 51873; }
      extend google.protobuf.OneofOptions { optional bool o = 51880; }
      extend google.protobuf.EnumOptions { optional bool e = 51880; }
      extend google.protobuf.EnumValueOptions { optional bool ev = 51880; }
      extend google.protobuf.ServiceOptions { optional bool s = 51870; }
      extend google.protobuf.MethodOptions { optional bool me = 51880; }
      extend google.protobuf.MethodOptions { optional bool other = 51890; })");
  const std::string problems = ProblemsOf(
      absl::StrCat(kProto3, R"(import "later.proto"; option (test.f) = true;
message M {
  option (test.m) = true;
  oneof o { option (test.o) = true; int32 i = 1; }
  int32 j = 2 [(test.fi) = true];
  enum E { option (test.e) = true; ZERO = 0 [(test.ev) = true]; }
}
service S {
  option (test.s) = true;
  rpc R(M) returns (M) { option (test.me) = true; }
  rpc Fine(M) returns (M) { option (test.other) = true; }
})"));
  for (const char* line : {"x.proto: option number 51889 is fdrpc's",
                           "x.proto:3: test.M: option number 51880",
                           "x.proto:5: test.M.o: option number 51880",
                           "x.proto:6: test.M.j: option number 51873",
                           "x.proto:7: test.M.E: option number 51880",
                           "x.proto:7: test.M.ZERO: option number 51880",
                           "x.proto:9: test.S: option number 51870",
                           "x.proto:11: test.S.R: option number 51880"}) {
    EXPECT_THAT(problems, HasSubstr(line));
  }
  EXPECT_EQ(std::count(problems.begin(), problems.end(), '\n'), 7) << problems;
}

TEST_F(ValidationTest, RefusesAServiceThatHasTheNameOfANestedMessage) {
  EXPECT_EQ(ProblemsOf(absl::StrCat(kProto3, R"(
message Outer { message Inner {} }
service Outer_Inner {})")),
            "x.proto:4: test.Outer_Inner: the C++ class Outer_Inner of this "
            "service would have the name of message test.Outer.Inner; rename "
            "one of the two");
}

TEST_F(ValidationTest, RefusesAServiceThatHasANameOfProtocsCode) {
  const std::string text = absl::StrCat(kProto2, R"(
message Outer {
  enum E { VALUE = 0; }
  map<string, string> words = 1;
  extensions 100 to 200;
}
enum Top { class = 0; }
extend Outer { optional string big_2nd_text = 100; }
)");
  for (const char* name :
       {"OuterDefaultTypeInternal", "OuterGlobalsTypeInternal",
        "_Outer_default_instance_", "Outer_class_data_", "Outer_globals_",
        "Outer_WordsEntry_DoNotUse", "Outer_WordsEntry_DoNotUse_globals_",
        "Outer_E", "Outer_E_VALUE", "Outer_E_Parse", "Outer_E_E_MAX",
        "Outer_E_internal_data_",
        "Outer_E_Outer_E_INT_MIN_SENTINEL_DO_NOT_USE_", "class_", "Top_MAX",
        "Top_Name", "Top_internal_data_", "Top_INT_MAX_SENTINEL_DO_NOT_USE_",
        "kBig2NdTextFieldNumber"}) {
    ProtoFiles files;
    EXPECT_THAT(
        GenerateFile(
            files.Add("x.proto", absl::StrCat(text, "service ", name, " {}")))
            .status(),
        ::testing::ResultOf(
            [](const absl::Status& s) { return std::string(s.message()); },
            AllOf(HasSubstr(name), HasSubstr("rename one of the two"))));
  }
}

TEST_F(ValidationTest, SeesNamesOfImportsInTheSameNamespaceOnly) {
  // With a release that takes the namespace from an option.
  ScopedNamespace scope([](const google::protobuf::FileDescriptor& file) {
    return std::string(file.name()) == "z.proto" ? "elsewhere" : "one::place";
  });
  files_.Add("y.proto",
             "syntax = \"proto3\"; package other;"
             "message Other { message Inner {} }");
  files_.AddProto3("z.proto", "message Outer { message Inner {} }");
  EXPECT_EQ(ProblemsOf(absl::StrCat(kProto3, R"(
import "y.proto"; import "z.proto";
service Outer_Inner {}
service Other_Inner {})")),
            "x.proto:5: test.Other_Inner: the C++ class Other_Inner of this "
            "service would have the name of message other.Other.Inner; rename "
            "one of the two");
}

TEST_F(ValidationTest, RefusesServicesThatGetTheSameName) {
  EXPECT_EQ(ProblemsOf(absl::StrCat(kProto3, R"(
service class {}
service class_ {})")),
            "x.proto:4: test.class_: the C++ class class_ of this service "
            "would have the name of service test.class; rename one of the two");
}

TEST_F(ValidationTest, RefusesAServiceThatGetsTheNameOfAMessage) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto3, R"(
message Service_ {}
service Service {})")),
              HasSubstr("the name of message test.Service_;"));
}

TEST_F(ValidationTest, SeesNamesOfImportsInTheSamePackageOnly) {
  files_.AddProto3("y.proto", "message Outer { message Inner {} }");
  files_.Add("z.proto",
             "syntax = \"proto3\"; package other;"
             "message Other { message Inner {} }");
  EXPECT_EQ(ProblemsOf(absl::StrCat(kProto3, R"(
import "y.proto"; import "z.proto";
service Outer_Inner {}
service Other_Inner {})")),
            "x.proto:4: test.Outer_Inner: the C++ class Outer_Inner of this "
            "service would have the name of message test.Outer.Inner; rename "
            "one of the two");
}

TEST_F(ValidationTest, RefusesMocksWhoseNamesAreTaken) {
  const absl::Status refused =
      GenerateMockHeader(files_.Add("x.proto", absl::StrCat(kProto3, R"(
message MockA {}
service A {}
service B {}
service MockB { rpc Open(MockA) returns (MockA); rpc gmock_Open(MockA) returns (MockA); })")))
          .status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(),
            "x.proto:4: test.A: the C++ mock class MockA of this service "
            "would have the name of message test.MockA; rename one of the "
            "two\n"
            "x.proto:5: test.B: the C++ mock class MockB of this service "
            "would have the name of service test.MockB; rename one of the "
            "two\n"
            "x.proto:6: test.MockB.Open: GoogleMock makes a method gmock_Open "
            "of this one, which the service has too; rename one of the two");
}

TEST_F(ValidationTest, ReportsAllProblemsAtOnce) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto2, R"(
option cc_generic_services = true;
message M {
  extensions 100 to 200;
  optional group G = 1 { optional fdrpc.Fd fd = 1; }
}
extend M { optional fdrpc.Fd direct = 100 [(fdrpc.fd_rules) = {}]; }
service M_G {})")),
              AllOf(HasSubstr("cc_generic_services"),
                    HasSubstr("test.direct: "), HasSubstr("test.M_G: ")));
}

}  // namespace
}  // namespace fdrpc::codegen
