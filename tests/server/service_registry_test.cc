#include "server/service_registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/stream_services.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

TEST(ServiceRegistryTest, FindsEachMethodOfAServiceByItsFullName) {
  testing::BlockingService service;
  ServiceRegistry registry;
  registry.Add(service);
  for (const internal::MethodHandler& handler : service.method_handlers()) {
    absl::StatusOr<RegisteredMethod> found =
        registry.Find(handler.method->full_name);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->service, &service);
    EXPECT_EQ(found->handler, &handler);
  }
}

TEST(ServiceRegistryTest, TellsAnUnknownMethodFromAnUnknownService) {
  testing::BlockingService service;
  ServiceRegistry registry;
  registry.Add(service);
  const absl::Status method = registry.Find("test.Blocking/Nothing").status();
  EXPECT_EQ(method.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(method.message()), HasSubstr("no such method"));
  const absl::Status other = registry.Find("other.Service/Echo").status();
  EXPECT_EQ(other.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(other.message()), HasSubstr("no such service"));
  EXPECT_FALSE(registry.Find("").ok());
  EXPECT_FALSE(registry.Find("no slash").ok());
}

TEST(ServiceRegistryDeathTest, TwoServicesOfOneNameAreAProgrammersError) {
  testing::BlockingService service;
  ServiceRegistry registry;
  registry.Add(service);
  EXPECT_DEATH(registry.Add(service), "two services with one name");
}

}  // namespace
}  // namespace fdrpc
