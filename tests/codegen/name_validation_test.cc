// Names in .proto files that would clash in the generated code.
#include <string>

#include "absl/strings/str_cat.h"
#include "codegen/protobuf_version.h"
#include "codegen/validation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/validation_fixture.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace fdrpc::codegen
