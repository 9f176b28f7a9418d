// Services that are given to clients count for the clients' users.

#include <unistd.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// Of a call by that user.
class ContextOfUser final : public ServerContext {
 public:
  explicit ContextOfUser(uid_t user) : peer_{.uid = user, .gid = 0, .pid = 1} {}

  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override { return peer_; }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override {
    return absl::UnimplementedError("no process");
  }
  absl::Duration time_remaining() const override {
    return absl::InfiniteDuration();
  }
  bool IsCancelled() const override { return false; }
  absl::Status cancellation_reason() const override { return absl::OkStatus(); }
  std::stop_token cancellation() const override { return {}; }
  Metadata& headers() override { return metadata_; }
  void SendHeaders() override {}
  Metadata& trailers() override { return metadata_; }

 private:
  Metadata metadata_;
  const PeerCredentials peer_;
};

TEST(ServerForClientTest, AUserWhoTakesTooManyServicesLeavesOthersTheirs) {
  ExpectSameDescriptors census;
  Server server({.max_connections_per_user = 3});
  ASSERT_TRUE(server.AwaitConnections().ok());
  ASSERT_TRUE(server.Start().ok());
  const auto service_for = [&server](uid_t user) {
    const ContextOfUser context(user);
    ServerForClient gives(server, context);
    auto [ours, theirs] = SocketPair();
    const absl::Status serves = gives.ServeConnection(
        std::move(theirs), std::make_shared<FakeService>());
    EXPECT_TRUE(serves.ok()) << serves;
    return TestService::Stub(*Channel::FromSocket(std::move(ours)));
  };
  constexpr uid_t kGreedy = 4711;
  std::vector<TestService::Stub> taken;
  for (int i = 0; i < 3; ++i) {
    taken.push_back(service_for(kGreedy));
    EXPECT_TRUE(taken.back().Echo(Text()).ok());
  }
  const absl::Status refused = service_for(kGreedy).Echo(Text()).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition) << refused;
  for (const uid_t other : {uid_t{4712}, geteuid()}) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(service_for(other).Echo(Text()).ok());
      while (server.statistics().connections > 3) std::this_thread::yield();
    }
  }
  taken.clear();
  while (server.statistics().connections > 0) std::this_thread::yield();
  EXPECT_TRUE(service_for(kGreedy).Echo(Text()).ok());
}

}  // namespace
}  // namespace fdrpc::testing
