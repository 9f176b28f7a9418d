#include "fdrpc/statistics.h"

#include <unistd.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/link.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

namespace v1 = statistics::v1;
using ::testing::HasSubstr;

class StatisticsTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  void Open(StatisticsOptions options = {}) {
    EnableStatistics(server_, std::move(options));
    server_.AddService(service_);
    const absl::StatusOr<Channel> channel = link_.NewChannel(
        {.connectionless = GetParam() == Link::Kind::kDatagrams});
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_.emplace(*channel);
    statistics_.emplace(*channel);
    ASSERT_TRUE(link_.Open().ok());
    ASSERT_TRUE(server_.Start().ok());
  }
  void TearDown() override {
    statistics_.reset();
    stub_.reset();
    server_.Shutdown();
    server_.Wait();
  }

  v1::GetReply Get() {
    absl::StatusOr<v1::GetReply> reply = statistics_->Get(v1::GetRequest());
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : v1::GetReply();
  }
  static v1::Method MethodOf(const v1::GetReply& reply,
                             const std::string& name) {
    for (const v1::Method& method : reply.methods()) {
      if (method.name() == "fdrpc.testing.TestService/" + name) return method;
    }
    ADD_FAILURE() << "there is no method " << name;
    return {};
  }
  bool connectionless() const { return GetParam() == Link::Kind::kDatagrams; }

  const ExpectSameDescriptors same_;
  FakeService service_;
  Server server_{{.max_metadata_bytes = 1'000}};
  Link link_{GetParam(), server_};
  std::optional<TestService::Stub> stub_;
  std::optional<v1::Statistics::Stub> statistics_;
};

TEST_P(StatisticsTest, CountsCallsByStatusWithTheirLatencies) {
  service_.echo = [](ServerContext&, const Text& request, Text& reply) {
    if (request.number() < 0) return absl::NotFoundError("negative");
    reply = request;
    return absl::OkStatus();
  };
  ASSERT_NO_FATAL_FAILURE(Open());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stub_->Echo(Numbered(i)).ok());
  ASSERT_FALSE(stub_->Echo(Numbered(-1)).ok());
  const v1::GetReply reply = Get();
  const v1::Method echo = MethodOf(reply, "Echo");
  EXPECT_EQ(echo.begun(), 4u);
  ASSERT_EQ(echo.ended_size(), 2);
  EXPECT_EQ(echo.ended(0).code(), 0u);
  EXPECT_EQ(echo.ended(0).calls(), 3u);
  EXPECT_EQ(echo.ended(1).code(), 5u);
  EXPECT_EQ(echo.ended(1).calls(), 1u);
  uint64_t in_buckets = 0;
  for (const v1::Bucket& bucket : echo.latencies())
    in_buckets += bucket.calls();
  EXPECT_EQ(in_buckets, 4u);
  EXPECT_GT(echo.latency_nanoseconds(), 0u);
  EXPECT_EQ(MethodOf(reply, "Put").begun(), 0u);
  EXPECT_EQ(reply.pid(), getpid());
  EXPECT_EQ(reply.datagrams().calls(), connectionless() ? 5u : 0u);
}

TEST_P(StatisticsTest, ShowsACallInProgress) {
  std::promise<void> began;
  std::promise<void> ends;
  service_.echo = [&](ServerContext&, const Text&, Text&) {
    began.set_value();
    ends.get_future().wait();
    return absl::OkStatus();
  };
  ASSERT_NO_FATAL_FAILURE(Open());
  std::thread caller([&] { EXPECT_TRUE(stub_->Echo(Text()).ok()); });
  began.get_future().wait();
  const v1::GetReply reply = Get();
  EXPECT_EQ(MethodOf(reply, "Echo").begun(), 1u);
  EXPECT_EQ(MethodOf(reply, "Echo").ended_size(), 0);
  if (!connectionless()) {
    ASSERT_EQ(reply.connections_size(), 1);
    // And the one that asks.
    EXPECT_EQ(reply.connections(0).calls_in_progress(), 2u);
  }
  ends.set_value();
  caller.join();
  EXPECT_EQ(MethodOf(Get(), "Echo").ended(0).calls(), 1u);
}

TEST_P(StatisticsTest, ShowsConnectionsAndWhatTheyHaveCarried) {
  ASSERT_NO_FATAL_FAILURE(Open());
  Parcel<Files> files;
  files.add_files(FileWith("a"));
  files.add_files(FileWith("b"));
  files->set_text(std::string(10'000, 'x'));
  ASSERT_TRUE(stub_->Put(std::move(files)).ok());
  ASSERT_TRUE(stub_->Get(Numbered(3)).ok());
  v1::GetReply reply = Get();
  ASSERT_EQ(reply.users_size(), 1);
  EXPECT_EQ(reply.users(0).uid(), getuid());
  EXPECT_EQ(reply.users(0).connections().held(), 1u);
  EXPECT_GT(reply.users(0).connections().limit(), 1u);
  EXPECT_GT(reply.users(0).request_bytes().limit(), 0u);
  if (connectionless()) {
    EXPECT_EQ(reply.connections_size(), 0);
    return;
  }
  ASSERT_EQ(reply.connections_size(), 1);
  const v1::Connection connection = reply.connections(0);
  EXPECT_EQ(connection.number(), 1u);
  EXPECT_EQ(connection.peer().pid(), getpid());
  EXPECT_EQ(connection.peer().uid(), getuid());
  EXPECT_NE(connection.peer().command(), "");
  EXPECT_EQ(connection.calls(), 3u);
  EXPECT_EQ(connection.calls_in_progress(), 1u);
  EXPECT_EQ(connection.received_descriptors(), 2u);
  EXPECT_GT(connection.received_bytes(), 10'000u);
  EXPECT_LT(connection.received_bytes(), 11'000u);
  EXPECT_EQ(connection.request_descriptors(), 0u);
  EXPECT_GT(connection.age_nanoseconds(), 0u);
  const bool has_name = GetParam() == Link::Kind::kStreamSocket ||
                        GetParam() == Link::Kind::kSeqpacketSocket;
  EXPECT_EQ(connection.address().starts_with("unix"), has_name)
      << connection.address();
  // What the server sends is counted after the system call, and the reply may
  // have been here before.
  while (reply.connections(0).sent_descriptors() < 3) {
    reply = Get();
    ASSERT_EQ(reply.connections_size(), 1);
  }
  EXPECT_EQ(reply.connections(0).sent_descriptors(), 3u);
  EXPECT_GT(reply.connections(0).sent_bytes(), 0u);
}

TEST_P(StatisticsTest, RefusedCallsCount) {
  ASSERT_NO_FATAL_FAILURE(Open());
  CallOptions options;
  options.metadata.Add("k", std::string(2'000, 'x'));
  const absl::Status refused = stub_->Echo(Text(), options).status();
  ASSERT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  const v1::Method echo = MethodOf(Get(), "Echo");
  EXPECT_EQ(echo.begun(), 1u);
  ASSERT_EQ(echo.ended_size(), 1);
  EXPECT_EQ(echo.ended(0).code(), 8u);
}

TEST_P(StatisticsTest, OtherUsersAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Open({.users = {getuid() + 1}}));
  const absl::Status refused = statistics_->Get(v1::GetRequest()).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("StatisticsOptions::users"));
}

INSTANTIATE_TEST_SUITE_P(, StatisticsTest,
                         ::testing::ValuesIn(Link::kWithDatagrams),
                         [](const auto& info) { return NameOf(info.param); });

TEST(StatisticsOfAnotherTest, AServerTellsAboutAnother) {
  FakeService service;
  Server busy;
  Server inspection;
  busy.AddService(service);
  EnableStatistics(inspection, {.of = &busy});
  Link to_busy(Link::Kind::kStreamSocket, busy);
  Link to_inspection(Link::Kind::kStreamSocket, inspection);
  const absl::StatusOr<Channel> channel = to_busy.NewChannel();
  const absl::StatusOr<Channel> inspects = to_inspection.NewChannel();
  ASSERT_TRUE(channel.ok() && inspects.ok());
  ASSERT_TRUE(to_busy.Open().ok() && to_inspection.Open().ok());
  ASSERT_TRUE(inspection.Start().ok());
  v1::Statistics::Stub statistics(*inspects);
  // Before that server serves.
  absl::StatusOr<v1::GetReply> reply = statistics.Get(v1::GetRequest());
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->connections_size(), 0);
  EXPECT_GT(reply->methods_size(), 0);
  ASSERT_TRUE(busy.Start().ok());
  ASSERT_TRUE(TestService::Stub(*channel).Echo(Text()).ok());
  reply = statistics.Get(v1::GetRequest());
  ASSERT_TRUE(reply.ok()) << reply.status();
  ASSERT_EQ(reply->connections_size(), 1);
  EXPECT_EQ(reply->connections(0).calls(), 1u);
  busy.Shutdown();
  inspection.Shutdown();
  busy.Wait();
  inspection.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
