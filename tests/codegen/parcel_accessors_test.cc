#include "codegen/parcel_accessors.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Declarations(
    const google::protobuf::Descriptor& message) {
  std::vector<std::string> declarations;
  for (const FieldAccessors& field : AccessorsOf(message)) {
    for (const ParcelAccessor& accessor : field.functions) {
      declarations.push_back(
          absl::StrCat(accessor.result, " ", accessor.name, "(",
                       absl::StrJoin(accessor.parameters, ", "), ")",
                       accessor.is_const ? " const" : ""));
    }
  }
  return declarations;
}

std::vector<std::string> Names(const google::protobuf::Descriptor& message) {
  std::vector<std::string> names;
  for (const FieldAccessors& field : AccessorsOf(message)) {
    for (const ParcelAccessor& accessor : field.functions) {
      if (names.empty() || names.back() != accessor.name) {
        names.push_back(accessor.name);  // overloads once
      }
    }
  }
  return names;
}

class ParcelAccessorsTest : public ::testing::Test {
 protected:
  const google::protobuf::Descriptor& Message(const std::string& fields) {
    return *files_
                .Add("x.proto", absl::StrCat(R"(
        syntax = "proto2"; package test; import "fdrpc/fd.proto";
        import "fdrpc/options.proto";
        message M { )",
                                             fields, "}"))
                .message_type(0);
  }

 private:
  ProtoFiles files_;
};

TEST_F(ParcelAccessorsTest, OfASingularFieldSetHaveTakeBorrowAndClear) {
  EXPECT_THAT(
      Declarations(Message("optional fdrpc.Fd file = 1;")),
      ElementsAre("void set_file(::fdrpc::UniqueFd fd)",
                  "void set_file(::fdrpc::SharedFd fd)",
                  "bool has_file() const", "::fdrpc::UniqueFd take_file()",
                  "int file() const", "void clear_file()"));
}

TEST_F(ParcelAccessorsTest, OfARepeatedFieldAddAndTakeByIndex) {
  EXPECT_THAT(Declarations(Message("repeated fdrpc.Fd files = 1;")),
              ElementsAre("void add_files(::fdrpc::UniqueFd fd)",
                          "void add_files(::fdrpc::SharedFd fd)",
                          "int files_size() const",
                          "::fdrpc::UniqueFd take_files(int index)",
                          "int files(int index) const", "void clear_files()"));
}

TEST_F(ParcelAccessorsTest, OfAMapTakeTheKey) {
  EXPECT_THAT(
      Declarations(Message("map<string, fdrpc.Fd> files = 1;")),
      ElementsAre("void set_files(const ::std::string& key, "
                  "::fdrpc::UniqueFd fd)",
                  "void set_files(const ::std::string& key, "
                  "::fdrpc::SharedFd fd)",
                  "bool has_files(const ::std::string& key) const",
                  "int files_size() const",
                  "::fdrpc::UniqueFd take_files(const ::std::string& key)",
                  "int files(const ::std::string& key) const",
                  "void clear_files()"));
}

TEST_F(ParcelAccessorsTest, TellTheRulesOfTheField) {
  std::vector<std::string> rules;
  for (const FieldAccessors& field : AccessorsOf(Message(R"(
      optional fdrpc.Fd a = 1;
      optional fdrpc.Fd b = 2 [(fdrpc.fd_rules) = {}];
      optional fdrpc.Fd c = 3 [(fdrpc.fd_rules) = {
        required: true kind: REGULAR_FILE kind: DIRECTORY access: READ_ONLY
        nonblocking: false }];
      repeated fdrpc.Fd d = 4 [(fdrpc.fd_rules) = {
        kind: SOCKET max_count: 3 nonblocking: true
        socket: { family: UNIX family: VSOCK type: STREAM listening: true } }];
      optional fdrpc.Fd e = 5 [(fdrpc.fd_rules) = {
        kind: MEMFD seals: SEAL_WRITE seals: SEAL_GROW }];)"))) {
    rules.push_back(field.rules);
  }
  EXPECT_THAT(
      rules,
      ElementsAre(
          "", "",
          "Rules: required, a regular file or a directory, open for reading "
          "alone, blocking.",
          "Rules: at most 3, a socket, of family UNIX or VSOCK, of type "
          "STREAM, listening, non-blocking.",
          "Rules: a memfd, with SEAL_WRITE and SEAL_GROW."));
}

TEST_F(ParcelAccessorsTest, AreOnlyForDirectFields) {
  EXPECT_THAT(Declarations(Message("optional M m = 1; optional int32 i = 2;")),
              ElementsAre());
}

TEST_F(ParcelAccessorsTest, GiveWayToMembersOfTheBase) {
  EXPECT_THAT(
      Names(Message("optional fdrpc.Fd message = 1;"
                    "optional fdrpc.Fd lite_message = 2;")),
      ElementsAre("set_message", "has_message", "take_message", "message_",
                  "clear_message", "set_lite_message", "has_lite_message",
                  "take_lite_message", "lite_message_", "clear_lite_message"));
}

TEST_F(ParcelAccessorsTest, GiveWayToEachOtherInTheOrderOfFieldNumbers) {
  EXPECT_THAT(Names(Message("optional fdrpc.Fd set_file = 2;"
                            "optional fdrpc.Fd file = 1;")),
              ElementsAre("set_file", "has_file", "take_file", "file",
                          "clear_file", "set_set_file", "has_set_file",
                          "take_set_file", "set_file_", "clear_set_file"));
}

TEST_F(ParcelAccessorsTest, OfRepeatedFieldsGiveWayToo) {
  EXPECT_THAT(
      Names(Message("repeated fdrpc.Fd file = 1;"
                    "optional fdrpc.Fd clear_file = 2;")),
      ElementsAre("add_file", "file_size", "take_file", "file", "clear_file",
                  "set_clear_file", "has_clear_file", "take_clear_file",
                  "clear_file_", "clear_clear_file"));
}

TEST_F(ParcelAccessorsTest, HaveTheUnderscoreThatProtocGivesKeywords) {
  EXPECT_THAT(Names(Message("optional fdrpc.Fd class = 1;")),
              ElementsAre("set_class_", "has_class_", "take_class_", "class_",
                          "clear_class_"));
}

TEST_F(ParcelAccessorsTest, OfFdItselfAreThoseOfAFieldCalledFd) {
  EXPECT_THAT(
      Names(*Message("optional fdrpc.Fd f = 1;").field(0)->message_type()),
      ElementsAre("set_fd", "has_fd", "take_fd", "fd", "clear_fd"));
}

}  // namespace
}  // namespace fdrpc::codegen
