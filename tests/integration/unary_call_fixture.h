#ifndef FDRPC_TESTS_INTEGRATION_UNARY_CALL_FIXTURE_H_
#define FDRPC_TESTS_INTEGRATION_UNARY_CALL_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A server and clients of it, over a socket, within one process.
class UnaryCallFixture : public ::testing::Test {
 protected:
  void Serve(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(dir_.address()).ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  void StopServer() {
    server_->Shutdown();
    server_->Wait();
    server_.reset();
  }
  TestService::Stub NewStub(ChannelOptions options = {}) {
    absl::StatusOr<Channel> channel = Channel::Connect(dir_.address(), options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }
  static Text TextOf(const std::string& text, int64_t number = 0) {
    Text message;
    message.set_text(text);
    message.set_number(number);
    return message;
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  FakeService service_;
  std::unique_ptr<Server> server_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_INTEGRATION_UNARY_CALL_FIXTURE_H_
