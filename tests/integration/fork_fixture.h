#ifndef FDRPC_TESTS_INTEGRATION_FORK_FIXTURE_H_
#define FDRPC_TESTS_INTEGRATION_FORK_FIXTURE_H_

#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

inline constexpr unsigned kLongSeconds = 60;

inline bool Inherited(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition;
}

// A server in this process, and a channel to it.
class ForkTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Serve(TestService::Service& service) {
    server_ = std::make_unique<Server>();
    server_->AddService(service);
    ASSERT_TRUE(server_->Listen(dir_.address("socket", GetParam())).ok());
    ASSERT_TRUE(server_->Start().ok());
    Connect();
    ASSERT_TRUE(channel_->WaitForReady(absl::Minutes(1)).ok());
  }
  TestService::Stub NewStub() const {
    return TestService::Stub(
        *Channel::Connect(dir_.address("socket", GetParam())));
  }
  void Connect() {
    channel_.emplace(*Channel::Connect(dir_.address("socket", GetParam())));
    stub_.emplace(*channel_);
  }
  void LetGo() {
    stub_.reset();
    channel_.reset();
  }
  // Runs in a child, which must not hang.
  static void ExpectInChild(const std::function<int()>& body) {
    EXPECT_EQ(InChild([&] {
                alarm(kLongSeconds);
                return body();
              }),
              0);
  }

  TempDir dir_;
  FakeService service_;
  std::unique_ptr<Server> server_;
  std::optional<Channel> channel_;
  std::optional<TestService::Stub> stub_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_INTEGRATION_FORK_FIXTURE_H_
