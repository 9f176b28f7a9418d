#include "fdrpc/health_service.h"

#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.fdrpc.h"
#include "gtest/gtest.h"
#include "tests/calls/link.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

namespace health_v1 = grpc::health::v1;
using ::testing::HasSubstr;
using Status = health_v1::HealthCheckResponse;

health_v1::HealthCheckRequest Of(const std::string& service) {
  health_v1::HealthCheckRequest request;
  request.set_service(service);
  return request;
}

class HealthTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  void SetUp() override {
    const absl::StatusOr<Channel> channel = link_.NewChannel();
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_.emplace(*channel);
    ASSERT_TRUE(link_.Open().ok());
    ASSERT_TRUE(server_.Start().ok());
  }
  void TearDown() override {
    stub_.reset();
    server_.Shutdown();
    server_.Wait();
  }

  // -1 if the call fails.
  int Check(const std::string& service) {
    const absl::StatusOr<Status> reply = stub_->Check(Of(service));
    return reply.ok() ? reply->status() : -1;
  }
  static int Next(ClientReader<Status>& statuses) {
    const std::optional<Status> status = statuses.Read();
    return status.has_value() ? status->status() : -1;
  }

  const ExpectSameDescriptors same_;
  Server server_;
  HealthService& health_ = EnableHealth(server_);
  Link link_{GetParam(), server_};
  std::optional<health_v1::Health::Stub> stub_;
};

TEST_P(HealthTest, ChecksTellWhatWasSet) {
  EXPECT_EQ(Check(""), Status::SERVING);
  const absl::Status unknown = stub_->Check(Of("a.B")).status();
  EXPECT_TRUE(absl::IsNotFound(unknown)) << unknown;
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("a.B"));
  health_.SetHealth("a.B", Health::kNotServing);
  EXPECT_EQ(Check("a.B"), Status::NOT_SERVING);
  health_.SetHealth("a.B", Health::kServing);
  EXPECT_EQ(Check("a.B"), Status::SERVING);
  health_.Forget("a.B");
  EXPECT_TRUE(absl::IsNotFound(stub_->Check(Of("a.B")).status()));
}

TEST_P(HealthTest, WatchersAreToldThePresentStatusAndEachNewOne) {
  ClientReader<Status> statuses = stub_->Watch(Of("a.B"));
  EXPECT_EQ(Next(statuses), Status::SERVICE_UNKNOWN);
  health_.SetHealth("a.C", Health::kServing);  // of another service
  health_.SetHealth("a.B", Health::kServing);
  EXPECT_EQ(Next(statuses), Status::SERVING);
  health_.SetHealth("a.B", Health::kServing);  // nothing new
  health_.SetHealth("a.B", Health::kNotServing);
  EXPECT_EQ(Next(statuses), Status::NOT_SERVING);
  health_.Forget("a.B");
  EXPECT_EQ(Next(statuses), Status::SERVICE_UNKNOWN);
  EXPECT_EQ(health_.watchers(), 1u);
}

TEST_P(HealthTest, AWatchThatIsCancelledIsForgotten) {
  for (int i = 0; i < 3; ++i) {
    ClientReader<Status> statuses = stub_->Watch(Of(""));
    EXPECT_EQ(Next(statuses), Status::SERVING);
    statuses.Cancel();
  }
  while (health_.watchers() > 0) std::this_thread::yield();
}

TEST_P(HealthTest, AWatchIsForgottenWithItsConnection) {
  if (GetParam() == Link::Kind::kInProcess) GTEST_SKIP() << "no connection";
  {
    const absl::StatusOr<Channel> other = link_.NewChannel();
    ASSERT_TRUE(other.ok());
    health_v1::Health::Stub stub(*other);
    ClientReader<Status> statuses = stub.Watch(Of(""));
    EXPECT_EQ(Next(statuses), Status::SERVING);
  }
  while (health_.watchers() > 0) std::this_thread::yield();
}

TEST_P(HealthTest, WatchersAreToldToComeAgainWhenTheServerShutsDown) {
  ClientReader<Status> statuses = stub_->Watch(Of(""));
  EXPECT_EQ(Next(statuses), Status::SERVING);
  health_.StopServing();
  EXPECT_EQ(Next(statuses), Status::NOT_SERVING);
  server_.Shutdown();
  EXPECT_EQ(Next(statuses), -1);
  const absl::Status end = statuses.Finish();
  EXPECT_TRUE(absl::IsUnavailable(end)) << end;
  EXPECT_THAT(std::string(end.message()), HasSubstr("watch again"));
  server_.Wait();
  EXPECT_EQ(health_.watchers(), 0u);
}

TEST_P(HealthTest, NothingServesAgainAfterItStopped) {
  health_.StopServing();
  health_.SetHealth("a.B", Health::kServing);
  EXPECT_EQ(Check(""), Status::NOT_SERVING);
  EXPECT_EQ(Check("a.B"), Status::NOT_SERVING);
}

TEST_P(HealthTest, ListsEverythingUpToAHundred) {
  for (int i = 1; i < 100; ++i) {
    health_.SetHealth(absl::StrCat("s", i), Health::kNotServing);
  }
  absl::StatusOr<health_v1::HealthListResponse> list = stub_->List({});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->statuses_size(), 100);
  EXPECT_EQ(list->statuses().at("").status(), Status::SERVING);
  EXPECT_EQ(list->statuses().at("s99").status(), Status::NOT_SERVING);
  health_.SetHealth("s100", Health::kServing);
  const absl::Status refused = stub_->List({}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
}

TEST_P(HealthTest, ListsNothingIfEverythingIsForgotten) {
  health_.Forget("");
  const absl::StatusOr<health_v1::HealthListResponse> list = stub_->List({});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(list->statuses().empty());
}

TEST_P(HealthTest, NamesThatAreTooLongAreRefused) {
  const std::string longest(200, 'x');
  EXPECT_TRUE(absl::IsNotFound(stub_->Check(Of(longest)).status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(stub_->Check(Of(longest + "x")).status()));
  ClientReader<Status> statuses = stub_->Watch(Of(longest + "x"));
  EXPECT_EQ(Next(statuses), -1);
  const absl::Status refused = statuses.Finish();
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("201 bytes"));
}

INSTANTIATE_TEST_SUITE_P(, HealthTest, ::testing::ValuesIn(Link::kAll),
                         [](const auto& info) { return NameOf(info.param); });

TEST(Health, NamesAndNumbersAreThoseOfGrpc) {
  const auto* health =
      health_v1::HealthCheckRequest::descriptor()->file()->FindServiceByName(
          "Health");
  ASSERT_NE(health, nullptr);
  EXPECT_EQ(std::string(health->full_name()), "grpc.health.v1.Health");
  EXPECT_EQ(Of("x").SerializeAsString(), "\x0a\x01x");
  Status status;
  status.set_status(Status::NOT_SERVING);
  EXPECT_EQ(status.SerializeAsString(), "\x08\x02");
  health_v1::HealthListResponse list;
  (*list.mutable_statuses())["x"] = status;
  EXPECT_EQ(list.SerializeAsString(), "\x0a\x07\x0a\x01x\x12\x02\x08\x02");
  EXPECT_EQ(Status::SERVICE_UNKNOWN, 3);
}

}  // namespace
}  // namespace fdrpc::testing
