#include "codegen/descriptor_fields.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ParcelNames(
    const google::protobuf::FileDescriptor& file) {
  std::vector<std::string> names;
  DescriptorFields fields;
  for (const auto* message : fields.ParcelMessages(file)) {
    names.emplace_back(message->full_name());
  }
  return names;
}

TEST(DescriptorFields, AreFoundWhereverTheyStand) {
  ProtoFiles files;
  EXPECT_THAT(ParcelNames(files.AddProto3("x.proto", R"(
      message Singular { fdrpc.Fd fd = 1; }
      message Optional { optional fdrpc.Fd fd = 1; }
      message Repeated { repeated fdrpc.Fd fds = 1; }
      message Map { map<int32, fdrpc.Fd> fds = 1; }
      message OneOf { oneof o { int32 i = 1; fdrpc.Fd fd = 2; } }
      message Deep { map<int32, OneOf> o = 1; }
      message None { int32 i = 1; map<int32, string> m = 2; })")),
              ElementsAre("test.Singular", "test.Optional", "test.Repeated",
                          "test.Map", "test.OneOf", "test.Deep"));
}

TEST(DescriptorFields, AreFoundThroughNestedAndImportedTypes) {
  ProtoFiles files;
  files.AddProto3("y.proto", "message Y { fdrpc.Fd fd = 1; }");
  EXPECT_THAT(ParcelNames(files.AddProto3("x.proto", R"(
      import "y.proto";
      message Outer {
        message Inner { Y y = 1; }
        message Other { int32 i = 1; }
      })")),
              ElementsAre("test.Outer.Inner"));
}

TEST(DescriptorFields, AreFoundInTypesThatContainEachOther) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message A { B b = 1; }
      message B { C c = 1; }
      message C { A a = 1; D d = 2; }
      message D { fdrpc.Fd fd = 1; A a = 2; }
      message E { F f = 1; }
      message F { E e = 1; F f = 2; }
      message G { F f = 1; A a = 2; })");
  EXPECT_THAT(ParcelNames(file),
              ElementsAre("test.A", "test.B", "test.C", "test.D", "test.G"));
}

TEST(DescriptorFields, DoNotDependOnTheOrderOfQuestions) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message A { B b = 1; E e = 2; }
      message B { A a = 1; D d = 2; }
      message C { E e = 1; }
      message D { fdrpc.Fd fd = 1; }
      message E { C c = 1; })");
  const std::vector<bool> expected = {true, true, false, true, false};
  std::vector<int> order = {0, 1, 2, 3, 4};
  do {
    DescriptorFields fields;
    for (int i : order) {
      EXPECT_EQ(fields.HasAny(*file.message_type(i)), expected[i]) << i;
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(DescriptorFields, OfFdItselfAreFd) {
  ProtoFiles files;
  const auto& file =
      files.AddProto3("x.proto", "message M { fdrpc.Fd f = 1; }");
  EXPECT_THAT(ParcelNames(*file.dependency(0)), ElementsAre("fdrpc.Fd"));
}

TEST(DescriptorFields, AreNotMessagesOfAUserThatAreCalledFd) {
  ProtoFiles files;
  EXPECT_THAT(ParcelNames(files.Add("x.proto", R"(
      syntax = "proto3"; package test.fdrpc;
      message Fd { uint32 slot = 1; }
      message M { Fd fd = 1; })")),
              IsEmpty());
}

}  // namespace
}  // namespace fdrpc::codegen
