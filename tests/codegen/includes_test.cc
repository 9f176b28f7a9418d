#include "codegen/includes.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class IncludesTest : public ::testing::Test {
 protected:
  IncludesTest() {
    files_.AddProto3("with_fd.proto", "message WithFd { fdrpc.Fd fd = 1; }");
    files_.AddProto3("plain.proto",
                     "message Plain {} service Broker {"
                     "  rpc Get(Plain) returns (Plain); }");
    files_.AddProto3("forwarding.proto",
                     "import public \"with_fd.proto\";"
                     "import public \"plain.proto\";");
  }

  ProtoFiles files_;
  DescriptorFields fields_;
};

TEST_F(IncludesTest, AreTheMessagesAloneWhereNothingIsGenerated) {
  const auto& file = files_.AddProto3("x.proto", "message M {}");
  EXPECT_THAT(HeaderIncludes(file, fields_).system, IsEmpty());
  EXPECT_THAT(HeaderIncludes(file, fields_).quoted, ElementsAre("x.pb.h"));
  EXPECT_THAT(SourceIncludes(file, fields_).quoted, IsEmpty());
}

TEST_F(IncludesTest, NameParcelsOfSignaturesInTheHeader) {
  const auto& file = files_.AddProto3("x.proto", R"(
      import "with_fd.proto"; import "plain.proto";
      service S {
        rpc A(Plain) returns (WithFd);
        rpc B(Plain) returns (fdrpc.Fd);
      })");
  const IncludeList header = HeaderIncludes(file, fields_);
  EXPECT_THAT(header.quoted, Contains("with_fd.fdrpc.h"));
  EXPECT_THAT(header.quoted, Contains("fdrpc/fd.fdrpc.h"));
  EXPECT_THAT(header.quoted, Not(Contains("plain.fdrpc.h")));
  EXPECT_THAT(SourceIncludes(file, fields_).quoted,
              Not(Contains(HasSubstr(".fdrpc.h"))));
}

TEST_F(IncludesTest, NameWhatStubsAndHandlersAreMadeOf) {
  const auto& file = files_.AddProto3("x.proto", "service S {}");
  EXPECT_THAT(
      HeaderIncludes(file, fields_).quoted,
      ElementsAre("absl/functional/any_invocable.h", "absl/status/status.h",
                  "absl/status/statusor.h", "absl/types/span.h",
                  "fdrpc/async_server_stream.h", "fdrpc/co_server_stream.h",
                  "fdrpc/internal/handler_checks.h", "fdrpc/internal/stub.h",
                  "fdrpc/server_stream.h", "fdrpc/service.h", "fdrpc/task.h",
                  "x.pb.h"));
  EXPECT_THAT(SourceIncludes(file, fields_).quoted,
              ElementsAre("fdrpc/internal/serve_async.h",
                          "fdrpc/internal/serve_blocking.h",
                          "fdrpc/internal/serve_co.h"));
}

TEST_F(IncludesTest, NameParcelsOfFieldsInTheSource) {
  const auto& file = files_.AddProto3("x.proto", R"(
      import "with_fd.proto"; import "plain.proto";
      message M {
        fdrpc.Fd fd = 1;
        map<string, WithFd> with_fd = 2;
        Plain plain = 3;
      })");
  EXPECT_THAT(HeaderIncludes(file, fields_).system, ElementsAre("utility"));
  EXPECT_THAT(HeaderIncludes(file, fields_).quoted,
              ElementsAre("fdrpc/parcel.h", "x.pb.h"));
  EXPECT_THAT(SourceIncludes(file, fields_).quoted,
              ElementsAre("with_fd.fdrpc.h"));
}

TEST_F(IncludesTest, NameTheDefiningFileBehindAPublicImport) {
  const auto& file = files_.AddProto3("x.proto", R"(
      import "forwarding.proto";
      message M { WithFd with_fd = 1; Plain plain = 2; })");
  EXPECT_THAT(SourceIncludes(file, fields_).quoted,
              ElementsAre("with_fd.fdrpc.h"));
}

TEST_F(IncludesTest, PassOnTheParcelsOfPublicImports) {
  const auto& file = files_.AddProto3("x.proto", R"(
      import public "forwarding.proto";)");
  EXPECT_THAT(HeaderIncludes(file, fields_).quoted,
              ElementsAre("with_fd.fdrpc.h", "x.pb.h"));
}

TEST_F(IncludesTest, NameTheTypesOfMapKeys) {
  const auto& file = files_.AddProto3("x.proto", R"(
      message M {
        map<string, fdrpc.Fd> a = 1;
        map<int64, fdrpc.Fd> b = 2;
        map<bool, fdrpc.Fd> c = 3;
      })");
  EXPECT_THAT(HeaderIncludes(file, fields_).system,
              ElementsAre("cstdint", "string", "utility"));
}

}  // namespace
}  // namespace fdrpc::codegen
