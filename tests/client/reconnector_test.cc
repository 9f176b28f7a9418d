#include "client/reconnector.h"

#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/manual_clock.h"
#include "transport/loopback_transport.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

class ReconnectorTest : public ::testing::Test {
 protected:
  using Attempt = absl::StatusOr<std::unique_ptr<Transport>>;

  static void SetUpTestSuite() { ASSERT_TRUE(LoopCore::Default().ok()); }

  Attempt Connects() {
    absl::StatusOr<LoopbackTransport::Pair> pair =
        LoopbackTransport::CreatePair();
    EXPECT_TRUE(pair.ok());
    peers_.push_back(std::move(pair->second));
    return std::move(pair->first);
  }

  testing::ExpectSameDescriptors census_;
  // The result of the next attempt.
  Attempt next_ = absl::UnavailableError("no server");
  int attempts_ = 0;
  std::vector<std::unique_ptr<Transport>> peers_;
  const ChannelOptions options_ = {};
  testing::ManualClock clock_;
  const std::shared_ptr<Connectivity> connectivity_ =
      std::make_shared<Connectivity>();
  ChannelTarget target_;
  Reconnector reconnector_{[this] {
                             ++attempts_;
                             return std::move(next_);
                           },
                           options_, clock_, connectivity_, target_};
};

TEST_F(ReconnectorTest, HasTheConnectionThatItMadeLast) {
  ChannelLock lock(connectivity_->mutex());
  EXPECT_EQ(reconnector_.current(), nullptr);
  next_ = Connects();
  const auto made = reconnector_.Connect(lock);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(reconnector_.current(), *made);
  EXPECT_EQ(connectivity_->state(), ChannelState::kConnecting);
  EXPECT_EQ(attempts_, 1);
}

TEST_F(ReconnectorTest, LetsGoOfAConnectionOnlyIfItIsThatOne) {
  ChannelLock lock(connectivity_->mutex());
  next_ = Connects();
  std::shared_ptr<ClientConnection> first = *reconnector_.Connect(lock);
  next_ = Connects();
  std::shared_ptr<ClientConnection> second = *reconnector_.Connect(lock);
  reconnector_.Forget(*first, lock);
  EXPECT_EQ(reconnector_.current(), second);
  reconnector_.Forget(*second, lock);
  EXPECT_EQ(reconnector_.current(), nullptr);
  lock.DropLater(std::move(first));
  lock.DropLater(std::move(second));
}

TEST_F(ReconnectorTest, AServerThatIsNotThereIsWorthAnotherAttemptLater) {
  target_.explain = [](const absl::Status& failure) {
    return absl::Status(failure.code(), "because it has not started");
  };
  ChannelLock lock(connectivity_->mutex());
  ConnectionWaits::Waiter waiter(/*patient=*/true);
  reconnector_.waits().Enter(waiter);
  EXPECT_FALSE(reconnector_.Pauses()) << "the first attempt is due";
  EXPECT_TRUE(absl::IsUnavailable(reconnector_.Connect(lock).status()));
  EXPECT_EQ(reconnector_.current(), nullptr);
  EXPECT_TRUE(reconnector_.Pauses());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(reconnector_.Pauses());
  EXPECT_EQ(connectivity_->state(), ChannelState::kTransientFailure);
  EXPECT_EQ(reconnector_.WhyNotConnected().message(),
            "because it has not started");
  EXPECT_THAT(reconnector_.WhyNotReady(), HasSubstr("has not started"));
  reconnector_.waits().Leave(waiter, lock);
}

TEST_F(ReconnectorTest, ABusyServerIsNoErrorAndWorthAnotherAttempt) {
  ChannelLock lock(connectivity_->mutex());
  next_ = nullptr;
  const auto made = reconnector_.Connect(lock);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made, nullptr);
  EXPECT_EQ(connectivity_->state(), ChannelState::kTransientFailure);
  EXPECT_EQ(reconnector_.WhyNotConnected(), Reconnector::Busy());
}

TEST_F(ReconnectorTest, WhatWaitingDoesNotMendIsToldToAllThatWait) {
  ChannelLock lock(connectivity_->mutex());
  ConnectionWaits::Waiter waiter(/*patient=*/true);
  reconnector_.waits().Enter(waiter);
  EXPECT_FALSE(reconnector_.Connect(lock).ok());
  next_ = absl::PermissionDeniedError("not for you");
  EXPECT_TRUE(absl::IsPermissionDenied(reconnector_.Connect(lock).status()));
  EXPECT_EQ(reconnector_.waits().next_turn(), MonotonicTime())
      << "each tries, and fails likewise";
  EXPECT_EQ(reconnector_.WhyNotConnected(),
            absl::PermissionDeniedError("not for you"));
  reconnector_.waits().Leave(waiter, lock);
}

}  // namespace
}  // namespace fdrpc
