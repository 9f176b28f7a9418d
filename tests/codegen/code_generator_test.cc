#include "codegen/code_generator.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

// What protoc would write.
class WrittenFiles final : public google::protobuf::compiler::GeneratorContext {
 public:
  google::protobuf::io::ZeroCopyOutputStream* Open(
      const std::string& path) override {
    return new google::protobuf::io::StringOutputStream(&files[path]);
  }

  std::map<std::string, std::string> files;
};

TEST(CodeGenerator, WritesAHeaderAndASourceForEveryFile) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3("dir/x.proto", "message X {}");
  const auto* y = &protos.AddProto3("y.proto", "message Y {}");
  WrittenFiles written;
  std::string error;
  EXPECT_TRUE(CodeGenerator().GenerateAll({x, y}, "", &written, &error));
  EXPECT_THAT(error, IsEmpty());
  EXPECT_THAT(written.files,
              UnorderedElementsAre(Key("dir/x.fdrpc.h"), Key("dir/x.fdrpc.cc"),
                                   Key("y.fdrpc.h"), Key("y.fdrpc.cc")));
}

TEST(CodeGenerator, WritesTheSameWhateverTheOrderOfFiles) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3("x.proto", "message X { fdrpc.Fd f = 1; }");
  const auto* y = &protos.AddProto3(
      "y.proto", "import \"x.proto\"; message Y { map<int32, X> x = 1; }");
  WrittenFiles forward;
  WrittenFiles backward;
  std::string error;
  EXPECT_TRUE(CodeGenerator().GenerateAll({x, y}, "", &forward, &error));
  EXPECT_TRUE(CodeGenerator().GenerateAll({y, x}, "", &backward, &error));
  EXPECT_EQ(forward.files, backward.files);
}

TEST(CodeGenerator, WritesMocksIfItIsToldTo) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3("dir/x.proto", "service X {}");
  const auto* y = &protos.AddProto3("y.proto", "message Y {}");
  // As protoc passes it if it is given twice.
  for (const char* parameter : {"mocks", "mocks,mocks"}) {
    WrittenFiles written;
    std::string error;
    EXPECT_TRUE(
        CodeGenerator().GenerateAll({x, y}, parameter, &written, &error));
    EXPECT_THAT(error, IsEmpty());
    EXPECT_THAT(written.files, UnorderedElementsAre(
                                   Key("dir/x.fdrpc.h"), Key("dir/x.fdrpc.cc"),
                                   Key("dir/x.mock.fdrpc.h"), Key("y.fdrpc.h"),
                                   Key("y.fdrpc.cc"), Key("y.mock.fdrpc.h")));
  }
}

TEST(CodeGenerator, RefusesMocksThatDoNotCompile) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3("x.proto", "message MockS {} service S {}");
  WrittenFiles written;
  std::string error;
  EXPECT_TRUE(CodeGenerator().GenerateAll({x}, "", &written, &error));
  written.files.clear();
  EXPECT_FALSE(CodeGenerator().GenerateAll({x}, "mocks", &written, &error));
  EXPECT_THAT(error, ::testing::HasSubstr("mock class MockS"));
  EXPECT_THAT(written.files, IsEmpty());
}

TEST(CodeGenerator, RefusesOtherParameters) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3("x.proto", "message X {}");
  WrittenFiles written;
  std::string error;
  EXPECT_FALSE(
      CodeGenerator().GenerateAll({x}, "mocks,lite=1", &written, &error));
  EXPECT_EQ(error,
            "unknown parameter \"lite=1\": protoc-gen-fdrpc takes \"mocks\", "
            "\"reflection\" and \"dllexport_decl=MACRO\"; remove it from "
            "--fdrpc_out or --fdrpc_opt");
  EXPECT_THAT(written.files, IsEmpty());
}

TEST(CodeGenerator, MarksClassesForTheUsersOfALibraryThatHidesItsSymbols) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3(
      "x.proto", "message X { fdrpc.Fd f = 1; } service S {}");
  WrittenFiles written;
  std::string error;
  EXPECT_TRUE(CodeGenerator().GenerateAll({x}, "dllexport_decl=X_API", &written,
                                          &error));
  const std::string& header = written.files["x.fdrpc.h"];
  EXPECT_NE(header.find("class X_API S final {"), std::string::npos) << header;
  EXPECT_NE(header.find("class X_API Parcel<"), std::string::npos) << header;
}

TEST(CodeGenerator, NamesTheFileOfAProblemOnce) {
  ProtoFiles protos;
  const auto* x = &protos.AddProto3(
      "x.proto",
      "option cc_generic_services = true; message X {} service S {}");
  WrittenFiles written;
  std::string error;
  EXPECT_FALSE(CodeGenerator().GenerateAll({x}, "", &written, &error));
  EXPECT_THAT(error, ::testing::StartsWith("x.proto: option "));
  EXPECT_THAT(written.files, IsEmpty());
}

TEST(CodeGenerator, DeclaresTheEditionsThatProtobufKnows) {
  const uint64_t features = CodeGenerator().GetSupportedFeatures();
  EXPECT_NE(features & CodeGenerator::FEATURE_PROTO3_OPTIONAL, 0u);
  // FEATURE_SUPPORTS_EDITIONS, which older releases do not define.
  EXPECT_EQ((features & 2) != 0, GOOGLE_PROTOBUF_VERSION >= 5027000);
#if GOOGLE_PROTOBUF_VERSION >= 7036000
  EXPECT_EQ(CodeGenerator().GetMinimumEdition(),
            google::protobuf::EDITION_PROTO2);
  EXPECT_EQ(CodeGenerator().GetMaximumEdition(),
            google::protobuf::EDITION_2026);
#endif
}

}  // namespace
}  // namespace fdrpc::codegen
