// Generated services are served under the names of the .proto file, whatever
// their C++ names.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_caller.h"
#include "tests/codegen/protos/keywords.fdrpc.h"
#include "tests/codegen/protos/no_package.fdrpc.h"
#include "tests/codegen/protos/our_names.fdrpc.h"
#include "tests/codegen/protos/package_absl.fdrpc.h"
#include "tests/codegen/protos/package_fdrpc.fdrpc.h"
#include "tests/codegen/protos/package_std.fdrpc.h"

namespace fdrpc {
namespace {

// The status of a method that a service does not override.
absl::Status NotImplemented(const std::string& method) {
  return absl::UnimplementedError(method + " is not implemented");
}

TEST(GeneratedNames, GiveWayToKeywordsAndMacros) {
  test::keywords::class_::Service service;
  EXPECT_EQ(service.full_name(), "fdrpc.test.keywords.class");
  test::keywords::class_::Stub stub(std::make_shared<DirectCaller>(service));
  EXPECT_EQ(stub.delete_({}).status(),
            NotImplemented("fdrpc.test.keywords.class/delete"));
  EXPECT_EQ(stub.delete__({}).status(),
            NotImplemented("fdrpc.test.keywords.class/delete_"));
  EXPECT_EQ(stub.NULL_({}).status(),
            NotImplemented("fdrpc.test.keywords.class/NULL"));
  EXPECT_EQ(stub.co_return_().Finish().status(),
            NotImplemented("fdrpc.test.keywords.class/co_return"));
  EXPECT_EQ(stub.co_yield_({}).Finish(),
            NotImplemented("fdrpc.test.keywords.class/co_yield"));
  EXPECT_EQ(stub.template_().Finish(),
            NotImplemented("fdrpc.test.keywords.class/template"));
}

TEST(GeneratedNames, GiveWayToTheClassesOfAService) {
  test::our_names::Service_::CoService service;
  EXPECT_EQ(service.full_name(), "fdrpc.test.our_names.Service");
  test::our_names::Service_::Stub stub(std::make_shared<DirectCaller>(service));
  EXPECT_EQ(stub.Stub_({}).status(),
            NotImplemented("fdrpc.test.our_names.Service/Stub"));
  EXPECT_EQ(stub.Async_({}).Finish(),
            NotImplemented("fdrpc.test.our_names.Service/Async"));
  EXPECT_EQ(stub.async_({}).status(),
            NotImplemented("fdrpc.test.our_names.Service/async"));
  EXPECT_EQ(stub.Co_().Finish().status(),
            NotImplemented("fdrpc.test.our_names.Service/Co"));
  EXPECT_EQ(stub.co_({}).status(),
            NotImplemented("fdrpc.test.our_names.Service/co"));
  EXPECT_EQ(stub.AsyncService_().Finish(),
            NotImplemented("fdrpc.test.our_names.Service/AsyncService"));
  EXPECT_EQ(stub.CoService_().Finish(),
            NotImplemented("fdrpc.test.our_names.Service/CoService"));
}

TEST(GeneratedNames, GiveWayToThoseOfOtherMethods) {
  test::our_names::Stub_::AsyncService service;
  EXPECT_EQ(service.full_name(), "fdrpc.test.our_names.Stub");
  test::our_names::Stub_::Stub stub(std::make_shared<DirectCaller>(service));
  EXPECT_EQ(stub.Stub__({}).status(),
            NotImplemented("fdrpc.test.our_names.Stub/Stub"));
  EXPECT_EQ(stub.Stub___({}).status(),
            NotImplemented("fdrpc.test.our_names.Stub/Stub_"));
}

TEST(GeneratedNames, OfServicesMayBeThoseOfClassesWithinAStub) {
  test::our_names::Async::Service async;
  test::our_names::Async::Stub async_stub(
      std::make_shared<DirectCaller>(async));
  EXPECT_EQ(async_stub.Async_().Finish(),
            NotImplemented("fdrpc.test.our_names.Async/Async"));
  test::our_names::Co::Service co;
  test::our_names::Co::Stub co_stub(std::make_shared<DirectCaller>(co));
  EXPECT_EQ(co_stub.Co_().Finish(),
            NotImplemented("fdrpc.test.our_names.Co/Co"));
  EXPECT_EQ(test::our_names::AsyncService_::AsyncService().full_name(),
            "fdrpc.test.our_names.AsyncService");
  EXPECT_EQ(test::our_names::CoService_::CoService().full_name(),
            "fdrpc.test.our_names.CoService");
}

TEST(GeneratedNames, MayBeInAnyPackageOrNone) {
  NoPackage::Service no_package;
  EXPECT_EQ(no_package.full_name(), "NoPackage");
  EXPECT_EQ(NoPackage::Stub(std::make_shared<DirectCaller>(no_package))
                .Get({})
                .status(),
            NotImplemented("NoPackage/Get"));
  EXPECT_EQ(TestOf_fdrpc::Service().full_name(), "fdrpc.TestOf_fdrpc");
  EXPECT_EQ(std::TestOf_std::AsyncService().full_name(), "std.TestOf_std");
  EXPECT_EQ(absl::TestOf_absl::CoService().full_name(), "absl.TestOf_absl");
}

}  // namespace
}  // namespace fdrpc
