#include "codegen/validation.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "codegen/protobuf_version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/validation_fixture.h"

namespace fdrpc::codegen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

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

TEST_F(ValidationTest, AcceptsRulesThatFitTheField) {
  EXPECT_THAT(ProblemsOf(absl::StrCat(kProto3, R"(
message M {
  fdrpc.Fd a = 1 [(fdrpc.fd_rules) = { required: true kind: DIRECTORY access: READ }];
  optional fdrpc.Fd b = 2 [(fdrpc.fd_rules) = { required: true access: PATH }];
  repeated fdrpc.Fd c = 3 [(fdrpc.fd_rules) = { max_count: 1 nonblocking: false }];
  map<string, fdrpc.Fd> d = 4 [(fdrpc.fd_rules) = { max_count: 9 kind: MEMFD seals: SEAL_EXEC }];
  oneof one {
    fdrpc.Fd e = 5 [(fdrpc.fd_rules) = { kind: SOCKET kind: PIPE socket: { type: RAW listening: false } }];
    fdrpc.Fd f = 6 [(fdrpc.fd_rules) = { kind: EVENTFD kind: TIMERFD access: READ_WRITE }];
  }
  fdrpc.Fd g = 7 [(fdrpc.fd_rules) = { kind: INOTIFY access: READ_ONLY }];
})")),
              IsEmpty());
}

TEST_F(ValidationTest, RefusesRulesThatContradictTheField) {
  EXPECT_EQ(
      ProblemsOf(absl::StrCat(kProto3, R"(
message M {
  repeated fdrpc.Fd a = 1 [(fdrpc.fd_rules).required = true];
  map<string, fdrpc.Fd> b = 2 [(fdrpc.fd_rules).required = true];
  oneof one { fdrpc.Fd c = 3 [(fdrpc.fd_rules).required = true]; }
  fdrpc.Fd d = 4 [(fdrpc.fd_rules).max_count = 5];
  repeated fdrpc.Fd e = 5 [(fdrpc.fd_rules).max_count = 0];
})")),
      "x.proto:4: test.M.a: option (fdrpc.fd_rules): required is for a "
      "singular field, and this one may have no element; remove required\n"
      "x.proto:5: test.M.b: option (fdrpc.fd_rules): required is for a "
      "singular field, and this one may have no element; remove required\n"
      "x.proto:6: test.M.c: option (fdrpc.fd_rules): required is not for a "
      "field of a oneof, which another field of it may replace; remove "
      "required\n"
      "x.proto:7: test.M.d: option (fdrpc.fd_rules): max_count is for a "
      "repeated field or a map, and this field has one descriptor; remove "
      "max_count\n"
      "x.proto:8: test.M.e: option (fdrpc.fd_rules): max_count is 0, so that "
      "no descriptor could be sent; allow one, or remove the field");
}

TEST_F(ValidationTest, RefusesRulesThatContradictEachOther) {
  EXPECT_EQ(
      ProblemsOf(absl::StrCat(kProto3, R"(
message M {
  fdrpc.Fd a = 1 [(fdrpc.fd_rules) = { kind: SOCKET seals: SEAL_WRITE }];
  fdrpc.Fd b = 2 [(fdrpc.fd_rules).seals = SEAL_WRITE];
  fdrpc.Fd c = 3 [(fdrpc.fd_rules) = { kind: PIPE socket: { type: STREAM } }];
  fdrpc.Fd d = 4 [(fdrpc.fd_rules) = { kind: SOCKET socket: { type: DATAGRAM listening: true } }];
  fdrpc.Fd e = 5 [(fdrpc.fd_rules) = { kind: REGULAR_FILE kind: DIRECTORY access: WRITE }];
  fdrpc.Fd f = 6 [(fdrpc.fd_rules) = { kind: MEMFD access: PATH }];
  fdrpc.Fd g = 7 [(fdrpc.fd_rules) = { access: PATH nonblocking: true }];
  fdrpc.Fd h = 8 [(fdrpc.fd_rules) = { kind: EVENTFD access: READ_ONLY }];
})")),
      "x.proto:4: test.M.a: option (fdrpc.fd_rules): seals are for memfds, and "
      "a socket can have none; remove seals, or kind SOCKET\n"
      "x.proto:5: test.M.b: option (fdrpc.fd_rules): seals are for memfds; add "
      "kind: MEMFD\n"
      "x.proto:6: test.M.c: option (fdrpc.fd_rules): socket is for the kind "
      "SOCKET; add kind: SOCKET, or remove socket\n"
      "x.proto:7: test.M.d: option (fdrpc.fd_rules): listening and type "
      "DATAGRAM contradict each other: only sockets with connections listen; "
      "remove one of them\n"
      "x.proto:8: test.M.e: option (fdrpc.fd_rules): access WRITE and kind "
      "DIRECTORY contradict each other: a directory is never open for "
      "writing; remove one of them\n"
      "x.proto:9: test.M.f: option (fdrpc.fd_rules): access PATH and kind "
      "MEMFD contradict each other: a memfd is never opened with O_PATH; "
      "remove one of them\n"
      "x.proto:10: test.M.g: option (fdrpc.fd_rules): nonblocking is not for "
      "access PATH: O_PATH has no O_NONBLOCK; remove one of them\n"
      "x.proto:11: test.M.h: option (fdrpc.fd_rules): access READ_ONLY and "
      "kind EVENTFD contradict each other: an eventfd is never open for "
      "reading alone; remove one of them");
}

TEST_F(ValidationTest, RefusesRulesForSocketsThatDoNotExist) {
  EXPECT_EQ(
      ProblemsOf(absl::StrCat(kProto3, R"(
message M {
  fdrpc.Fd a = 1 [(fdrpc.fd_rules) = { kind: SOCKET socket: { family: NETLINK family: UNIX type: STREAM } }];
  fdrpc.Fd b = 2 [(fdrpc.fd_rules) = { kind: SOCKET socket: { family: UNIX type: RAW type: STREAM } }];
  fdrpc.Fd c = 3 [(fdrpc.fd_rules) = { kind: SOCKET socket: { family: PACKET listening: true } }];
  fdrpc.Fd fine = 4 [(fdrpc.fd_rules) = { kind: SOCKET socket: { family: UNIX family: NETLINK type: RAW type: STREAM } }];
  fdrpc.Fd too = 5 [(fdrpc.fd_rules) = { kind: SOCKET socket: { family: PACKET type: RAW listening: false } }];
})")),
      "x.proto:4: test.M.a: option (fdrpc.fd_rules): no socket of family "
      "NETLINK is of type STREAM; remove the family, or add one of its types\n"
      "x.proto:5: test.M.b: option (fdrpc.fd_rules): no socket of type RAW is "
      "of family UNIX; remove the type, or add one of its families\n"
      "x.proto:6: test.M.c: option (fdrpc.fd_rules): listening and family "
      "PACKET contradict each other: only sockets with connections listen; "
      "remove one of them");
}

TEST_F(ValidationTest, AcceptsRulesInEditionsAndThroughPublicImports) {
  files_.Add("z.proto",
             "syntax = \"proto3\"; package other; import public "
             "\"fdrpc/fd.proto\"; import public "
             "\"fdrpc/options.proto\";");
  EXPECT_THAT(ProblemsOf(R"(edition = "2023"; package test;
import "z.proto";
message M {
  fdrpc.Fd a = 1 [
    features.message_encoding = DELIMITED,
    (fdrpc.fd_rules) = { required: true access: READ kind: PIPE },
    deprecated = true,
    features.field_presence = LEGACY_REQUIRED
  ];
  map<bool, fdrpc.Fd> b = 2 [(fdrpc.fd_rules) = { kind: [PIPE, SOCKET], socket { family: [UNIX] }; max_count: 2 }];
})"),
              IsEmpty());
}

TEST_F(ValidationTest, RefusesRulesInEditionsAlike) {
  EXPECT_THAT(ProblemsOf(R"(edition = "2023"; package test;
import "fdrpc/fd.proto"; import "fdrpc/options.proto";
message M {
  fdrpc.Fd a = 1 [features.message_encoding = DELIMITED, (fdrpc.fd_rules).max_count = 1];
})"),
              HasSubstr("x.proto:4: test.M.a: option (fdrpc.fd_rules): "
                        "max_count is for a repeated field"));
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
