#include "codegen/service_names.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/proto_files.h"

namespace fdrpc::codegen {
namespace {

using ::testing::ElementsAre;

TEST(ServiceNames, AreThoseOfTheFile) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {}
      service Broker {
        rpc Open(M) returns (M);
        rpc open(M) returns (M);
      })");
  const ServiceNames names(*file.service(0));
  EXPECT_EQ(names.service, "Broker");
  EXPECT_THAT(names.methods, ElementsAre("Open", "open"));
}

TEST(ServiceNames, OfAMockGiveWayToItsMethods) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {}
      service class { rpc Get(M) returns (M); }
      service S { rpc MockS(M) returns (M); })");
  EXPECT_EQ(ServiceNames(*file.service(0)).mock, "Mockclass");
  EXPECT_EQ(ServiceNames(*file.service(1)).mock, "MockS_");
}

TEST(ServiceNames, GiveWayToKeywordsAndToOurs) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {}
      service Service {
        rpc class(M) returns (M);
        rpc Stub(M) returns (M);
        rpc Service(M) returns (M);
        rpc Service_(M) returns (M);
        rpc Async(M) returns (M);
        rpc async(M) returns (M);
        rpc Co(M) returns (M);
        rpc co(M) returns (M);
        rpc AsyncService(stream M) returns (M);
        rpc CoService(M) returns (stream M);
        rpc Methods(M) returns (M);
        rpc caller_(M) returns (M);
        rpc full_name(M) returns (M);
        rpc method_handlers(M) returns (M);
        rpc descriptor_files(M) returns (M);
      })");
  const ServiceNames names(*file.service(0));
  EXPECT_EQ(names.service, "Service_");
  EXPECT_THAT(names.methods,
              ElementsAre("class_", "Stub_", "Service__", "Service___",
                          "Async_", "async_", "Co_", "co_", "AsyncService_",
                          "CoService_", "Methods_", "caller__", "full_name_",
                          "method_handlers_", "descriptor_files_"));
}

TEST(ServiceNames, KeepTheClassesOfAServiceFree) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      service Stub {}
      service AsyncService {}
      service CoService {}
      service Methods {}
      service Async {})");
  std::vector<std::string> names;
  for (int i = 0; i < file.service_count(); ++i) {
    names.push_back(ServiceNames(*file.service(i)).service);
  }
  // The class within the stub is not in the same scope.
  EXPECT_THAT(names, ElementsAre("Stub_", "AsyncService_", "CoService_",
                                 "Methods_", "Async"));
}

TEST(ServiceNames, OfAMethodAreKnownToTheRuntimeAsTheFileHasThem) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {}
      service Stub { rpc class(M) returns (M); })");
  EXPECT_EQ(MethodConstant(*file.service(0)->method(0)), "kclass");
  EXPECT_EQ(MethodPath(*file.service(0)->method(0)), "test.Stub/class");
}

TEST(ServiceNames, KeepTheServicesOwnNameFree) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {}
      service Broker { rpc Broker(M) returns (M); })");
  EXPECT_THAT(ServiceNames(*file.service(0)).methods, ElementsAre("Broker_"));
}

TEST(ServiceNames, OfAMethodDoNotChangeWithMethodsBehindIt) {
  ProtoFiles files;
  const auto& file = files.AddProto3("x.proto", R"(
      message M {}
      service Before { rpc class(M) returns (M); }
      service After {
        rpc class(M) returns (M);
        rpc class_(stream M) returns (M);
      })");
  EXPECT_THAT(ServiceNames(*file.service(0)).methods, ElementsAre("class_"));
  EXPECT_THAT(ServiceNames(*file.service(1)).methods,
              ElementsAre("class_", "class__"));
}

}  // namespace
}  // namespace fdrpc::codegen
