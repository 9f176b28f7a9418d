#include "server/connection_drain.h"

#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

using Step = ConnectionDrain::Step;

class ConnectionDrainTest : public ::testing::Test {
 protected:
  static MonotonicTime At(absl::Duration after) {
    return DeadlineAfter(kBegin, after);
  }

  static constexpr MonotonicTime kBegin =
      MonotonicTime() + std::chrono::hours(1);
  const MonotonicTime late_ = At(ConnectionDrain::kConfirmTime);
  const MonotonicTime early_ =
      At(ConnectionDrain::kConfirmTime - absl::Milliseconds(1));
  ConnectionDrain drain_;
};

TEST_F(ConnectionDrainTest, BeginsOnce) {
  EXPECT_FALSE(drain_.began());
  EXPECT_EQ(drain_.next(/*has_calls=*/false), kNoDeadline);
  EXPECT_TRUE(drain_.Begin(kBegin, /*has_calls=*/false));
  EXPECT_TRUE(drain_.began());
  EXPECT_FALSE(drain_.Begin(late_, /*has_calls=*/false));
  EXPECT_EQ(drain_.next(/*has_calls=*/false), late_);
}

TEST_F(ConnectionDrainTest, WaitsUntilTheClientHasConfirmed) {
  drain_.Begin(kBegin, /*has_calls=*/false);
  EXPECT_EQ(drain_.Next(early_, /*has_calls=*/false), Step::kWait);
  EXPECT_TRUE(drain_.TakesCall(/*whole=*/false));
  drain_.OnConfirmed();
  EXPECT_EQ(drain_.next(/*has_calls=*/false), kNoDeadline);
  EXPECT_EQ(drain_.Next(early_, /*has_calls=*/true), Step::kSayLastCall);
  drain_.OnLastCallSaid();
  EXPECT_FALSE(drain_.TakesCall(/*whole=*/true));
  EXPECT_EQ(drain_.Next(early_, /*has_calls=*/true), Step::kEndCalls);
}

TEST_F(ConnectionDrainTest, ShutsOutAClientThatDoesNotConfirmInTime) {
  drain_.Begin(kBegin, /*has_calls=*/false);
  EXPECT_EQ(drain_.Next(late_, /*has_calls=*/false), Step::kShutOut);
  EXPECT_EQ(drain_.Next(late_, /*has_calls=*/false), Step::kShutOut)
      << "what had come was read, and no call among it";
  drain_.OnShutOut();
  EXPECT_TRUE(drain_.TakesCall(/*whole=*/true));
  EXPECT_FALSE(drain_.TakesCall(/*whole=*/false));
  EXPECT_FALSE(drain_.TakesCall(/*whole=*/true)) << "it is behind another";
  drain_.OnConfirmed();
  EXPECT_EQ(drain_.Next(late_, /*has_calls=*/false), Step::kEndCalls);
}

TEST_F(ConnectionDrainTest, AClientWithCallsReadsAndConfirms) {
  drain_.Begin(kBegin, /*has_calls=*/true);
  EXPECT_EQ(drain_.next(/*has_calls=*/true), kNoDeadline);
  EXPECT_EQ(drain_.Next(late_, /*has_calls=*/true), Step::kWait);
  // It has some time after its last call.
  EXPECT_EQ(drain_.Next(late_, /*has_calls=*/false), Step::kWait);
  EXPECT_EQ(drain_.next(/*has_calls=*/false),
            DeadlineAfter(late_, ConnectionDrain::kConfirmTime));
  drain_.OnCallTaken();
  const MonotonicTime later = At(absl::Seconds(10));
  EXPECT_EQ(drain_.Next(later, /*has_calls=*/false), Step::kWait)
      << "a call came and ended meanwhile";
  EXPECT_EQ(drain_.Next(DeadlineAfter(later, ConnectionDrain::kConfirmTime),
                        /*has_calls=*/false),
            Step::kShutOut);
}

TEST_F(ConnectionDrainTest, AnAnswerThatNobodyAskedForMeansNothing) {
  drain_.OnConfirmed();
  drain_.Begin(kBegin, /*has_calls=*/false);
  EXPECT_EQ(drain_.Next(early_, /*has_calls=*/false), Step::kWait);
}

}  // namespace
}  // namespace fdrpc::testing
