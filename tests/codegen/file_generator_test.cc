#include "codegen/file_generator.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

GeneratedFile Generate(const google::protobuf::FileDescriptor& file) {
  absl::StatusOr<GeneratedFile> generated = GenerateFile(file);
  EXPECT_TRUE(generated.ok()) << generated.status();
  return *std::move(generated);
}

TEST(ParcelGenerator, GivesEveryMessageWithADescriptorAParcel) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message WithFd {
        message Nested { fdrpc.Fd fd = 1; }
        Nested nested = 1;
      }
      message Without { int32 i = 1; map<string, string> m = 2; })"));
  EXPECT_THAT(generated.header,
              AllOf(HasSubstr("class Parcel<::test::WithFd> final"),
                    HasSubstr("class Parcel<::test::WithFd_Nested> final"),
                    Not(HasSubstr("Without"))));
}

TEST(ParcelGenerator, VisitsFieldsByTheNameThatErrorsGiveThem) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message Outer { message M { fdrpc.Fd fd = 1; } })"));
  EXPECT_THAT(generated.source,
              HasSubstr("  if (message.has_fd()) {\n"
                        "    visitor.Visit(\"test.Outer.M.fd\", "
                        "*message.mutable_fd());\n"
                        "  }\n"));
}

TEST(StubGenerator, TakesAParcelByValueAndAMessageByReference) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message Plain {}
      message WithFd { fdrpc.Fd fd = 1; }
      service S {
        rpc A(Plain) returns (WithFd);
        rpc B(WithFd) returns (Plain);
      })"));
  EXPECT_THAT(
      generated.header,
      AllOf(HasSubstr("::absl::StatusOr<::fdrpc::Parcel<::test::WithFd>> A(\n"
                      "        const ::test::Plain& request,"),
            HasSubstr("::absl::StatusOr<::test::Plain> B(\n"
                      "        ::fdrpc::Parcel<::test::WithFd> request,")));
}

TEST(StubGenerator, SaysWhyAStreamingMethodIsMissing) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message M {}
      service S {
        rpc Up(stream M) returns (M);
        rpc Down(M) returns (stream M);
        rpc Both(stream M) returns (stream M);
      })"));
  EXPECT_THAT(
      generated.header,
      AllOf(HasSubstr("// Up is client-streaming; this version of fdrpc "
                      "generates no client for it."),
            HasSubstr("// Down is server-streaming; this version of fdrpc "
                      "generates no client for"),
            HasSubstr("// Both is bidirectional; this version of fdrpc "
                      "generates no client for it.")));
}

TEST(ServiceGenerator, ListsStreamingMethodsWithNothingToServeThem) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message M { fdrpc.Fd fd = 1; }
      service S { rpc Both(stream M) returns (stream M); })"));
  EXPECT_THAT(generated.source,
              AllOf(HasSubstr("      .full_name = \"test.S/Both\",\n"
                              "      .kind = ::fdrpc::MethodKind::"
                              "kBidirectional,\n"
                              "      .request_has_descriptors = true,\n"
                              "      .reply_has_descriptors = true,\n"),
                    HasSubstr("{.method = &Methods::kBoth,\n"
                              "       .serve_unary = nullptr},")));
}

TEST(FileGenerator, CarriesCommentsOver) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message M {
        // Of the $field$.
        fdrpc.Fd fd = 1;
      }
      // Of the service.
      service S {
        // Of the method.
        rpc R(M) returns (M);
      })"));
  EXPECT_THAT(generated.header,
              AllOf(HasSubstr("  // Of the $field$.\n  void set_fd("),
                    HasSubstr("// Of the service.\nclass S final {"),
                    HasSubstr("    // Of the method.\n    ::absl::StatusOr<"),
                    HasSubstr("    // Of the method.\n    virtual ")));
}

TEST(FileGenerator, MarksWhatIsDeprecated) {
  ProtoFiles files;
  const GeneratedFile generated = Generate(files.AddProto3("x.proto", R"(
      message M { fdrpc.Fd fd = 1 [deprecated = true]; }
      service S {
        option deprecated = true;
        rpc R(M) returns (M) { option deprecated = true; }
      })"));
  EXPECT_THAT(generated.header,
              AllOf(HasSubstr("class [[deprecated]] S final {"),
                    HasSubstr("    [[deprecated]]\n    ::absl::StatusOr<"),
                    HasSubstr("  [[deprecated]] bool has_fd() const;")));
  EXPECT_THAT(generated.source, HasSubstr("-Wdeprecated-declarations"));
}

TEST(FileGenerator, NamesItsSourceByTheImportPathAlone) {
  ProtoFiles files;
  const GeneratedFile generated =
      Generate(files.AddProto3("dir/x.proto", "message M { fdrpc.Fd f = 1; }"));
  for (const std::string& text : {generated.header, generated.source}) {
    EXPECT_THAT(text, ::testing::StartsWith(
                          "// Generated by protoc-gen-fdrpc from dir/x.proto. "
                          "Do not edit.\n"));
  }
}

TEST(FileGenerator, GivesTheSameTextWhateverElseItHasSeen) {
  constexpr char kX[] = "message X { fdrpc.Fd fd = 1; }";
  constexpr char kY[] = "message Y { map<string, fdrpc.Fd> fds = 1; }";
  ProtoFiles one;
  const GeneratedFile first = Generate(one.AddProto3("x.proto", kX));
  ProtoFiles other;
  Generate(other.AddProto3("y.proto", kY));
  const GeneratedFile second = Generate(other.AddProto3("x.proto", kX));
  EXPECT_EQ(first.header, second.header);
  EXPECT_EQ(first.source, second.source);
}

}  // namespace
}  // namespace fdrpc::codegen
