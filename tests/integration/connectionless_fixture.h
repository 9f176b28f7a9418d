#ifndef FDRPC_TESTS_INTEGRATION_CONNECTIONLESS_FIXTURE_H_
#define FDRPC_TESTS_INTEGRATION_CONNECTIONLESS_FIXTURE_H_

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "loop/loop_core.h"
#include "tests/integration/one_way_log.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

inline const ChannelOptions kConnectionless = {.connectionless = true};

// The process's own loop stays when a test has used it.
struct WithDefaultLoop {
  WithDefaultLoop() { EXPECT_TRUE(LoopCore::Default().ok()); }
};

inline std::string AbstractAddress() {
  static std::atomic<int> made = 0;
  return "unix-dgram:@fdrpc-test-" + std::to_string(getpid()) + "-" +
         std::to_string(++made);
}

// A server of this process and a channel to it, at an address of each kind or
// over a pair.
class ConnectionlessTest : public ::testing::TestWithParam<const char*> {
 protected:
  static bool pair() { return std::string(GetParam()) == "Pair"; }

  void Serve(ServerOptions options = {}) {
    server_ = std::make_unique<Server>(options);
    server_->AddService(service_);
    server_->AddService(log_);
    if (pair()) {
      auto [ours, theirs] = SocketPair(SOCK_DGRAM);
      ASSERT_TRUE(server_->ServeConnection(std::move(theirs)).ok());
      channel_ = *Channel::FromSocket(std::move(ours));
    } else {
      address_ = std::string(GetParam()) == "Path"
                     ? dir_.address("socket", "unix-dgram:")
                     : AbstractAddress();
      const absl::Status listens = server_->Listen(address_);
      ASSERT_TRUE(listens.ok()) << listens;
      channel_ = *Channel::Connect(address_, kConnectionless);
    }
    ASSERT_TRUE(server_->Start().ok());
    stub_.emplace(*channel_);
  }
  void TearDown() override {
    stub_.reset();
    channel_.reset();
    server_.reset();
  }

  WithDefaultLoop loop_;
  ExpectSameDescriptors census_;
  TempDir dir_;
  std::string address_;
  FakeService service_;
  Told told_;
  BlockingLog log_{told_};
  std::unique_ptr<Server> server_;
  std::optional<Channel> channel_;
  std::optional<TestService::Stub> stub_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_INTEGRATION_CONNECTIONLESS_FIXTURE_H_
