#include "codegen/carried_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "codegen/file_generator.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBeginning[] =
    "syntax = \"proto3\"; package test; import \"fdrpc/fd.proto\"; "
    "import \"fdrpc/options.proto\"; ";

class CarriedServiceTest : public ::testing::Test {
 protected:
  CarriedServiceTest() {
    files_.Add("worker.proto", R"(syntax = "proto3"; package other;
        message Job {}
        service Worker { rpc Do(Job) returns (Job); })");
    files_.Add("public.proto", R"(syntax = "proto3"; package public_;
        import public "worker.proto";)");
    files_.Add("private.proto", R"(syntax = "proto3"; package private_;
        import "worker.proto"; message Uses { other.Job job = 1; })");
  }
  absl::StatusOr<GeneratedFile> Generate(const std::string& imports,
                                         const std::string& rules,
                                         const std::string& more = "") {
    const int number = ++count_;
    return GenerateFile(files_.Add(
        absl::StrCat("x", number, ".proto"),
        absl::StrCat(kBeginning, imports, "\nmessage M", number,
                     " {\n  fdrpc.Fd worker = 1 [(fdrpc.fd_rules) = {", rules,
                     "}];", more, "\n}\n")));
  }
  std::string ProblemOf(const std::string& imports, const std::string& rules) {
    return std::string(Generate(imports, rules).status().message());
  }

  ProtoFiles files_;
  int count_ = 0;
};

TEST_F(CarriedServiceTest, IsInAnImportedFile) {
  for (const char* import : {"worker.proto", "public.proto"}) {
    const absl::StatusOr<GeneratedFile> made = Generate(
        absl::StrCat("import \"", import, "\";"), "service: \"other.Worker\"");
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_THAT(
        made->header,
        AllOf(HasSubstr("#include \"worker.fdrpc.h\""),
              HasSubstr("typename Served = ::other::Worker"),
              HasSubstr("::absl::Status serve_worker("),
              HasSubstr("::absl::StatusOr<typename Served::Stub> take_worker("),
              HasSubstr("UniqueFd take_worker_socket();"),
              HasSubstr("void set_worker(::fdrpc::UniqueFd fd);"),
              Not(HasSubstr("UniqueFd take_worker();"))));
  }
}

TEST_F(CarriedServiceTest, OfTheSameFileIsDeclaredBeforeTheParcels) {
  const absl::StatusOr<GeneratedFile> made =
      GenerateFile(files_.Add("own.proto", absl::StrCat(kBeginning, R"(
          message Empty {}
          service Worker { rpc Do(Empty) returns (Empty); }
          message M { fdrpc.Fd worker = 1
              [(fdrpc.fd_rules) = { service: "test.Worker" }]; })")));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_LT(made->header.find("class Worker;"),
            made->header.find("class Parcel<::test::M>"));
}

TEST_F(CarriedServiceTest, ThatDoesNotExistIsAnErrorWithFileAndLine) {
  EXPECT_EQ(ProblemOf("import \"worker.proto\";", "service: \"Worker\""),
            "x1.proto:3: test.M1.worker: option (fdrpc.fd_rules): there is no "
            "service \"Worker\"; write its full name, \"package.Service\", "
            "and import its file");
  EXPECT_THAT(ProblemOf("import \"worker.proto\";", "service: \"other.Job\""),
              HasSubstr("there is no service \"other.Job\""));
  EXPECT_THAT(ProblemOf("", "service: \"\""),
              HasSubstr("there is no service \"\""));
}

TEST_F(CarriedServiceTest, ThatTheFileDoesNotImportIsAnError) {
  EXPECT_EQ(ProblemOf("", "service: \"other.Worker\""),
            "x1.proto:3: test.M1.worker: option (fdrpc.fd_rules): service "
            "other.Worker is in worker.proto, which this file does not import; "
            "import it");
  EXPECT_THAT(
      ProblemOf("import \"private.proto\";", "service: \"other.Worker\""),
      HasSubstr("which this file does not import"));
}

TEST_F(CarriedServiceTest, OtherRulesForItsDescriptorContradictIt) {
  for (const char* other :
       {"kind: SOCKET", "access: READ", "nonblocking: true", "socket: {}"}) {
    EXPECT_THAT(ProblemOf("import \"worker.proto\";",
                          absl::StrCat("service: \"other.Worker\" ", other)),
                HasSubstr("no other rules than required and max_count"))
        << other;
  }
  EXPECT_EQ(ProblemOf("import \"worker.proto\";",
                      "service: \"other.Worker\" required: true"),
            "");
}

TEST_F(CarriedServiceTest, ItsAccessorsGiveWayToOtherFields) {
  const absl::StatusOr<GeneratedFile> made =
      Generate("import \"worker.proto\";", "service: \"other.Worker\"",
               " fdrpc.Fd worker_socket = 2;");
  ASSERT_TRUE(made.ok()) << made.status();
  // The earlier field keeps its name.
  EXPECT_THAT(made->header, AllOf(HasSubstr(" take_worker_socket();"),
                                  HasSubstr(" take_worker_socket_();")));
}

}  // namespace
}  // namespace fdrpc::codegen
