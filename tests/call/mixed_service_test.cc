#include "fdrpc/mixed_service.h"

#include <string_view>

#include "gtest/gtest.h"
#include "testing.fdrpc.h"

namespace fdrpc::testing {
namespace {

class EchoPart final : public TestService::AsyncService {
 public:
  void Echo(TestService::EchoCall) override {}
};

class EchoToo final : public TestService::CoService {
 public:
  Task<absl::Status> Echo(ServerContext&, const Text&, Text&) override {
    co_return absl::OkStatus();
  }
};

class OtherService final : public Service {
 public:
  template <typename Derived>
  static constexpr internal::OverriddenHandlers<1> CheckHandlers() {
    return {};
  }
  std::string_view full_name() const override { return "test.Other"; }
  absl::Span<const internal::MethodHandler> method_handlers() const override {
    return {};
  }
};

TEST(MixedServiceDeathTest, AHandlerThatTwoPartsHaveIsAProgrammersError) {
  EchoPart part;
  EchoToo too;
  EXPECT_DEATH(MixedService(part, too),
               "two parts of a mixed service have a handler of "
               "fdrpc.testing.TestService/Echo");
}

TEST(MixedServiceDeathTest, PartsOfTwoServicesAreAProgrammersError) {
  EchoPart part;
  OtherService other;
  EXPECT_DEATH(MixedService(part, other),
               "parts of two services were mixed: fdrpc.testing.TestService "
               "and test.Other");
}

}  // namespace
}  // namespace fdrpc::testing
