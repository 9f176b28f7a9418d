#include "server/connection_sources.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "transport/loopback_transport.h"

namespace fdrpc::testing {
namespace {

class ConnectionSourcesTest : public ::testing::Test {
 protected:
  ConnectionSourcesTest() { waker_.Begin(*reactor_, {}); }
  std::unique_ptr<Transport> NewTransport() {
    return std::move(LoopbackTransport::CreatePair()->first);
  }
  // One side; the other one is closed.
  static UniqueFd ConnectedSocket() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    close(fds[1]);
    return UniqueFd(fds[0]);
  }
  absl::Status Connect() { return sources_.Connect({NewTransport(), {}}); }

  ExpectSameDescriptors census_;
  // Whether whoever adopts connections is to look.
  bool woken() const { return reactor_->next_deadline() == MonotonicTime(); }

  const std::shared_ptr<Reactor> reactor_ =
      *Reactor::Create(absl::ZeroDuration(), Clock::Real());
  absl::Status opens_;
  ServerLifecycle lifecycle_;
  Waker waker_;
  ConnectionSources sources_{ForkLedger::NewOwner(),
                             2,
                             lifecycle_,
                             waker_,
                             Clock::Real(),
                             [this]() -> absl::StatusOr<Listeners::Watcher> {
                               if (!opens_.ok()) return opens_;
                               return Listeners::Watcher{reactor_.get(), {}};
                             }};
};

TEST_F(ConnectionSourcesTest, WhatConnectsWaitsUpToALimit) {
  EXPECT_FALSE(woken());
  EXPECT_TRUE(Connect().ok());
  EXPECT_TRUE(woken());
  EXPECT_TRUE(Connect().ok());
  EXPECT_EQ(Connect(),
            absl::UnavailableError("the server does not take connections yet"));
  EXPECT_EQ(sources_.TakeWaiting().size(), 2u);
  EXPECT_TRUE(Connect().ok());
  EXPECT_EQ(sources_.TakeWaiting().size(), 1u);
  EXPECT_TRUE(sources_.TakeWaiting().empty());
}

TEST_F(ConnectionSourcesTest, NothingWaitsOnceTheServerShutsDown) {
  EXPECT_TRUE(Connect().ok());
  lifecycle_.RequestShutdown(MonotonicTime(), absl::ZeroDuration());
  // As by the polling thread before another one has dropped what waits.
  EXPECT_TRUE(sources_.TakeWaiting().empty());
  EXPECT_EQ(Connect(), absl::UnavailableError("the server has shut down"));
}

TEST_F(ConnectionSourcesTest, AServerOfGivenSocketsAloneIsExhaustedSometime) {
  EXPECT_FALSE(sources_.any());
  EXPECT_FALSE(sources_.exhausted());
  EXPECT_TRUE(sources_.ServeConnection(ConnectedSocket()).ok());
  EXPECT_TRUE(sources_.any());
  EXPECT_FALSE(sources_.exhausted()) << "it waits";
  EXPECT_EQ(sources_.TakeWaiting().size(), 1u);
  EXPECT_TRUE(sources_.exhausted());
  EXPECT_TRUE(sources_.AcceptInProcess().ok());
  EXPECT_FALSE(sources_.exhausted());
}

TEST_F(ConnectionSourcesTest, AServerThatIsGivenSocketsLaterIsNot) {
  const std::string address =
      "unix:@fdrpc-connection-sources-test-" + std::to_string(getpid());
  EXPECT_TRUE(sources_.Listen(address, {}).ok());
  lifecycle_.Enter(ServerLifecycle::Stage::kServing);
  EXPECT_TRUE(sources_.ServeConnection(ConnectedSocket()).ok());
  EXPECT_EQ(sources_.TakeWaiting().size(), 1u);
  sources_.listeners().Close();
  EXPECT_FALSE(sources_.exhausted());
}

TEST_F(ConnectionSourcesTest, NothingIsTakenWhenThereIsNoPoller) {
  opens_ = absl::ResourceExhaustedError("no descriptor is left");
  EXPECT_EQ(sources_.ServeConnection(ConnectedSocket()), opens_);
  EXPECT_EQ(sources_.AcceptInProcess(), opens_);
  EXPECT_FALSE(sources_.any());
  EXPECT_FALSE(woken());
}

}  // namespace
}  // namespace fdrpc::testing
