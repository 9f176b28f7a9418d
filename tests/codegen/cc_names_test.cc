#include "codegen/cc_names.h"

#include <set>

#include "codegen/protobuf_version.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

TEST(CcNames, FollowThePathOfTheFile) {
  ProtoFiles files;
  const auto& file = files.Add("x/y_z.proto", "syntax = \"proto3\";");
  EXPECT_EQ(HeaderPath(file), "x/y_z.fdrpc.h");
  EXPECT_EQ(SourcePath(file), "x/y_z.fdrpc.cc");
  EXPECT_EQ(MockHeaderPath(file), "x/y_z.mock.fdrpc.h");
  EXPECT_EQ(MessageHeaderPath(file), "x/y_z.pb.h");
  EXPECT_EQ(Namespace(file), "");
}

TEST(CcNames, GuardsOfDifferentFilesDiffer) {
  ProtoFiles files;
  std::set<std::string> guards;
  for (const char* path : {"a/b.proto", "a_b.proto", "A/b.proto", "a-b.proto",
                           "a/b.x.proto", "a/b.proto_MOCK.proto"}) {
    const auto& file = files.Add(path, "syntax = \"proto3\";");
    EXPECT_TRUE(guards.insert(IncludeGuard(file)).second) << path;
    EXPECT_TRUE(guards.insert(MockIncludeGuard(file)).second) << path;
  }
}

TEST(CcNames, AreThoseOfProtocsMessages) {
  ProtoFiles files;
  const auto& file = files.Add("x.proto", R"(
      syntax = "proto3"; package a.b;
      message Outer {
        message Inner { int32 MixedCase = 1; int32 class = 2; }
      }
      message union {})");
  const auto& inner = *file.message_type(0)->nested_type(0);
  EXPECT_EQ(Namespace(file), "a::b");
  EXPECT_EQ(MessageType(inner), "::a::b::Outer_Inner");
  EXPECT_EQ(ParcelType(inner), "::fdrpc::Parcel<::a::b::Outer_Inner>");
  EXPECT_EQ(MessageType(*file.message_type(1)), "::a::b::union_");
  EXPECT_EQ(FieldStem(*inner.field(0)), "mixedcase");
  EXPECT_EQ(FieldStem(*inner.field(1)), "class_");
}

TEST(CcNames, FollowTheNamespaceOfTheFile) {
  ProtoFiles files;
  const auto& file =
      files.Add("x.proto", "syntax = \"proto3\"; package a.b; message M {}");
  ScopedNamespace scope(
      [](const google::protobuf::FileDescriptor&) { return "c::d"; });
  EXPECT_EQ(MessageType(*file.message_type(0)), "::c::d::M");
}

}  // namespace
}  // namespace fdrpc::codegen
