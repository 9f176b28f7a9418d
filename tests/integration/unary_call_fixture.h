#ifndef FDRPC_TESTS_INTEGRATION_UNARY_CALL_FIXTURE_H_
#define FDRPC_TESTS_INTEGRATION_UNARY_CALL_FIXTURE_H_

#include <memory>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/clocked_client.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/on_clock.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A server and its clients, over a socket of each scheme, within one process.
class UnaryCallFixture : public ::testing::TestWithParam<const char*> {
 protected:
  void Serve(ServerOptions options = {}) {
    server_ = OnClock::NewServer(options, clock_);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(address_).ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  void StopServer() {
    server_->Shutdown();
    // It waits for a while for clients that do not read.
    clock_.AdvanceWhile(absl::Milliseconds(5), [this] { server_->Wait(); });
    server_.reset();
  }
  TestService::Stub NewStub(ChannelOptions options = {}) {
    absl::StatusOr<Channel> channel = Channel::Connect(address_, options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }
  // The same with the server's clock.
  TestService::Stub NewClockedStub() {
    return TestService::Stub(client_.NewChannel(address_));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  FakeService service_;
  ClockedClient client_{ManualClock::Between::kRuns};
  ManualClock& clock_ = client_.clock();  // the server's, too
  std::unique_ptr<Server> server_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_INTEGRATION_UNARY_CALL_FIXTURE_H_
