#include "fdrpc/in_process_server.h"

#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/open_file_limit.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

TEST(InProcessServerTest, ServesFromItsConstructionToItsDestruction) {
  ExpectSameDescriptors census;
  FakeService service;
  std::optional<TestService::Stub> stub;
  {
    InProcessServer server(service);
    stub.emplace(server.channel());
    EXPECT_TRUE(stub->Echo(Text()).ok());
  }
  EXPECT_EQ(stub->Echo(Text()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(InProcessServerTest, TakesTheServersOptions) {
  FakeService service;
  InProcessServer server(service, {.max_request_bytes = 1u << 16});
  Text request;
  request.set_data(std::string(1u << 17, 'x'));
  EXPECT_EQ(TestService::Stub(server.channel()).Echo(request).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(InProcessServerTest, ServesSeveralServices) {
  class Other final : public Service {
    std::string_view full_name() const override { return "test.Other"; }
    absl::Span<const internal::MethodHandler> method_handlers() const override {
      return {};
    }
  };
  FakeService service;
  Other other;
  InProcessServer server({&service, &other});
  EXPECT_TRUE(TestService::Stub(server.channel()).Echo(Text()).ok());
}

TEST(InProcessServerTest, HasOneServerForFurtherChannelsAndToShutDown) {
  FakeService service;
  InProcessServer server(service);
  server.server().Shutdown();
  server.server().Wait();
  EXPECT_EQ(TestService::Stub(server.channel()).Echo(Text()).status(),
            absl::UnavailableError(
                "the server has shut down (fdrpc.testing.TestService/Echo)"));
}

TEST(InProcessServerTest, CallsSayWhatTheSystemDidNotGive) {
  ExpectSameDescriptors census;
  FakeService service;
  std::unique_ptr<InProcessServer> server;
  {
    OpenFileLimit limit(0);
    server = std::make_unique<InProcessServer>(service);
  }
  EXPECT_EQ(TestService::Stub(server->channel()).Echo(Text()).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace fdrpc::testing
