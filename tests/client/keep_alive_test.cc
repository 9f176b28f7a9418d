#include "client/keep_alive.h"

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using Action = KeepAlive::Action;

// Times are milliseconds from some start.
class KeepAliveTest : public ::testing::Test {
 protected:
  static constexpr bool kHeard = true;
  static constexpr bool kSilent = false;
  static constexpr bool kCalls = true;
  static constexpr bool kNoCalls = false;

  static MonotonicTime At(int milliseconds) {
    return MonotonicTime(std::chrono::hours(1)) +
           std::chrono::milliseconds(milliseconds);
  }

  KeepAlive keep_alive_{absl::Milliseconds(100), absl::Milliseconds(30)};
};

TEST_F(KeepAliveTest, PingsAfterTheIntervalAndGivesUpAfterTheTimeout) {
  EXPECT_EQ(keep_alive_.Check(At(0), kSilent, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), At(100));
  EXPECT_EQ(keep_alive_.Check(At(99), kSilent, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.Check(At(100), kSilent, kCalls), Action::kPing);
  EXPECT_EQ(keep_alive_.next(), At(130));
  EXPECT_EQ(keep_alive_.Check(At(129), kSilent, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.Check(At(130), kSilent, kCalls), Action::kGiveUp);
}

TEST_F(KeepAliveTest, WhateverIsReadIsASignOfLife) {
  keep_alive_.OnCall(At(0));
  EXPECT_EQ(keep_alive_.Check(At(60), kHeard, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), At(160));
  EXPECT_EQ(keep_alive_.Check(At(160), kSilent, kCalls), Action::kPing);
  EXPECT_EQ(keep_alive_.Check(At(170), kHeard, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), At(270));
  EXPECT_EQ(keep_alive_.Check(At(270), kSilent, kCalls), Action::kPing);
}

TEST_F(KeepAliveTest, WhatIsReadTooLateCountsAsWell) {
  keep_alive_.OnCall(At(0));
  EXPECT_EQ(keep_alive_.Check(At(100), kSilent, kCalls), Action::kPing);
  EXPECT_EQ(keep_alive_.Check(At(500), kHeard, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), At(600));
}

TEST_F(KeepAliveTest, AServerThatWasGivenUpStaysSo) {
  keep_alive_.OnCall(At(0));
  EXPECT_FALSE(keep_alive_.gave_up());
  keep_alive_.GiveUp();
  EXPECT_EQ(keep_alive_.Check(At(500), kHeard, kCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.Check(At(900), kSilent, kNoCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), kNoDeadline);
  EXPECT_TRUE(keep_alive_.gave_up());
}

TEST_F(KeepAliveTest, DoesNothingWithoutCalls) {
  EXPECT_EQ(keep_alive_.next(), kNoDeadline);
  EXPECT_EQ(keep_alive_.Check(At(0), kHeard, kNoCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), kNoDeadline);
  EXPECT_EQ(keep_alive_.Check(At(1000), kSilent, kNoCalls), Action::kNone);
  EXPECT_EQ(keep_alive_.next(), kNoDeadline);
}

TEST_F(KeepAliveTest, CountsFromTheFirstOfTheCalls) {
  EXPECT_EQ(keep_alive_.Check(At(0), kHeard, kNoCalls), Action::kNone);
  keep_alive_.OnCall(At(1000));
  keep_alive_.OnCall(At(1050));
  EXPECT_EQ(keep_alive_.next(), At(1100));
}

TEST_F(KeepAliveTest, APingThatNobodyWaitsForAnyMoreIsForgotten) {
  keep_alive_.OnCall(At(0));
  EXPECT_EQ(keep_alive_.Check(At(100), kSilent, kCalls), Action::kPing);
  EXPECT_EQ(keep_alive_.Check(At(110), kSilent, kNoCalls), Action::kNone);
  keep_alive_.OnCall(At(500));
  EXPECT_EQ(keep_alive_.Check(At(600), kSilent, kCalls), Action::kPing);
}

TEST_F(KeepAliveTest, IsOffWithAnInfiniteInterval) {
  KeepAlive off(absl::InfiniteDuration(), absl::Seconds(1));
  EXPECT_FALSE(off.on());
  off.OnCall(At(0));
  EXPECT_EQ(off.next(), kNoDeadline);
}

TEST_F(KeepAliveTest, AnInfiniteTimeoutNeverGivesUp) {
  KeepAlive patient(absl::Milliseconds(100), absl::InfiniteDuration());
  patient.OnCall(At(0));
  EXPECT_EQ(patient.Check(At(100), kSilent, kCalls), Action::kPing);
  EXPECT_EQ(patient.Check(At(1000000), kSilent, kCalls), Action::kNone);
}

}  // namespace
}  // namespace fdrpc
