#include "base/monotonic_time.h"

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

constexpr MonotonicTime kNow{std::chrono::hours(1000)};

TEST(DeadlineAfterTest, AddsTheTimeout) {
  EXPECT_EQ(DeadlineAfter(kNow, absl::Milliseconds(5)),
            kNow + std::chrono::milliseconds(5));
  EXPECT_EQ(DeadlineAfter(kNow, absl::Nanoseconds(1)),
            kNow + std::chrono::nanoseconds(1));
}

TEST(DeadlineAfterTest, HasPassedForATimeoutOfZeroOrLess) {
  EXPECT_EQ(DeadlineAfter(kNow, absl::ZeroDuration()), kNow);
  EXPECT_EQ(DeadlineAfter(kNow, -absl::Seconds(1)),
            kNow - std::chrono::seconds(1));
}

TEST(DeadlineAfterTest, IsNoneForAnInfiniteTimeout) {
  EXPECT_EQ(DeadlineAfter(kNow, absl::InfiniteDuration()), kNoDeadline);
}

TEST(DeadlineAfterTest, IsNoneWhereTheSumCannotBeRepresented) {
  const absl::Duration most = absl::FromChrono(kNoDeadline - kNow);
  EXPECT_EQ(DeadlineAfter(kNow, most), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(kNow, most + absl::Nanoseconds(1)), kNoDeadline);
  EXPECT_EQ(DeadlineAfter(kNow, most - absl::Nanoseconds(1)),
            kNoDeadline - std::chrono::nanoseconds(1));
  EXPECT_EQ(DeadlineAfter(kNow, absl::Hours(24) * 366 * 1000), kNoDeadline);
}

TEST(DeadlineAfterTest, StaysOnTheClockForATimeoutFarInThePast) {
  // The difference between it and any time of the clock must be representable.
  const MonotonicTime deadline = DeadlineAfter(kNow, -absl::InfiniteDuration());
  EXPECT_LE(deadline, kNow);
  EXPECT_GE(deadline, MonotonicTime());
  EXPECT_EQ(DeadlineAfter(kNow, -absl::Hours(24) * 366 * 1000), deadline);
}

TEST(TimeUntilTest, IsTheDifference) {
  EXPECT_EQ(TimeUntil(kNow + std::chrono::seconds(2), kNow), absl::Seconds(2));
  EXPECT_EQ(TimeUntil(kNow, kNow), absl::ZeroDuration());
}

TEST(TimeUntilTest, IsNegativeOnceTheDeadlineHasPassed) {
  EXPECT_EQ(TimeUntil(kNow - std::chrono::seconds(2), kNow), -absl::Seconds(2));
}

TEST(TimeUntilTest, IsInfiniteWithoutADeadline) {
  EXPECT_EQ(TimeUntil(kNoDeadline, kNow), absl::InfiniteDuration());
}

TEST(ClockTest, NeverRunsBackwards) {
  MonotonicTime last = Clock::Real().Now();
  for (int i = 0; i < 1000; ++i) {
    const MonotonicTime now = Clock::Real().Now();
    EXPECT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace fdrpc
