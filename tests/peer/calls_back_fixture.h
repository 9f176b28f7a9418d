#ifndef FDRPC_TESTS_PEER_CALLS_BACK_FIXTURE_H_
#define FDRPC_TESTS_PEER_CALLS_BACK_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>

#include "fdrpc/alarm.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/link.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A server whose handlers call back, and the services of its client, over each
// kind of link. Every test leaves the same descriptors open that were open
// before it.
class CallsBackFixture : public ::testing::TestWithParam<Link::Kind> {
 protected:
  // The process's loop stays.
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }

  CallsBackFixture() {
    // Echo is answered by the client.
    service_.echo = [](ServerContext& context, const Text& request,
                       Text& reply) {
      absl::StatusOr<Channel> client = ChannelToClient(context);
      if (!client.ok()) return client.status();
      absl::StatusOr<Text> got =
          TestService::Stub(*client).Echo(request, {.parent = &context});
      if (got.ok()) reply = *std::move(got);
      return got.status();
    };
    observer_.echo = [](ServerContext&, const Text& request, Text& reply) {
      reply = TextOf("observed " + request.text());
      return absl::OkStatus();
    };
  }

  void Serve(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    server_->AddService(service_);
    link_ = std::make_unique<Link>(GetParam(), *server_);
    // For a channel within the process, before the server serves.
    ASSERT_TRUE(server_->AwaitConnections().ok());
    ASSERT_TRUE(link_->Open().ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  Channel NewChannel(const ChannelOptions& options) {
    absl::StatusOr<Channel> channel = link_->NewChannel(options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *std::move(channel);
  }
  TestService::Stub NewStub(const ChannelOptions& options) {
    return TestService::Stub(NewChannel(options));
  }
  static void ExpectObserved(TestService::Stub& stub) {
    const absl::StatusOr<Text> reply = stub.Echo(TextOf("x"));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "observed x");
  }

  ExpectSameDescriptors census_;
  FakeService service_;   // the server's
  FakeService observer_;  // the client's
  std::unique_ptr<Server> server_;
  std::unique_ptr<Link> link_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_PEER_CALLS_BACK_FIXTURE_H_
