#include "gtest/gtest.h"
#include "server/server_lifecycle.h"

namespace fdrpc::testing {
namespace {

using Stage = ServerLifecycle::Stage;

constexpr MonotonicTime kNow = MonotonicTime() + std::chrono::hours(1);

TEST(ServerStagesTest, ServesFromOneStageOn) {
  ServerLifecycle lifecycle;
  EXPECT_EQ(lifecycle.stage(), Stage::kSetUp);
  EXPECT_FALSE(lifecycle.serves());
  for (const Stage stage :
       {Stage::kServing, Stage::kDraining, Stage::kEnding}) {
    lifecycle.Enter(stage);
    EXPECT_EQ(lifecycle.stage(), stage);
    EXPECT_TRUE(lifecycle.serves());
  }
}

TEST(ServerStagesTest, ALaterRequestCanOnlyMakeTheEndSooner) {
  ServerLifecycle lifecycle;
  EXPECT_FALSE(lifecycle.shutdown_deadline().has_value());
  lifecycle.RequestShutdown(kNow, absl::InfiniteDuration());
  EXPECT_EQ(lifecycle.shutdown_deadline(), kNoDeadline);
  lifecycle.RequestShutdown(kNow, absl::Seconds(2));
  EXPECT_EQ(lifecycle.shutdown_deadline(),
            DeadlineAfter(kNow, absl::Seconds(2)));
  lifecycle.RequestShutdown(kNow, absl::Seconds(3));
  EXPECT_EQ(lifecycle.shutdown_deadline(),
            DeadlineAfter(kNow, absl::Seconds(2)));
  lifecycle.RequestShutdown(kNow, -absl::InfiniteDuration());
  EXPECT_EQ(lifecycle.shutdown_deadline(), kNow);
}

TEST(ServerStagesTest, ARequestOfASignalIsTakenOnce) {
  ServerLifecycle lifecycle;
  EXPECT_FALSE(lifecycle.TakeStopRequest());
  lifecycle.RequestStop();
  EXPECT_TRUE(lifecycle.TakeStopRequest());
  EXPECT_FALSE(lifecycle.TakeStopRequest());
}

}  // namespace
}  // namespace fdrpc::testing
