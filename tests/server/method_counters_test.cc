#include "server/method_counters.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::IsEmpty;

MethodActivity ActivityOf(const MethodCounters& counters) {
  MethodActivity activity;
  counters.CopyTo(activity);
  return activity;
}

TEST(MethodCountersTest, CountsByStatus) {
  MethodCounters counters;
  EXPECT_EQ(ActivityOf(counters).begun, 0u);
  EXPECT_THAT(ActivityOf(counters).latencies, IsEmpty());
  for (int i = 0; i < 3; ++i) counters.OnBegin();
  counters.OnEnd(absl::StatusCode::kOk, absl::Milliseconds(2));
  counters.OnEnd(absl::StatusCode::kNotFound, absl::Milliseconds(1));
  const MethodActivity activity = ActivityOf(counters);
  EXPECT_EQ(activity.begun, 3u);
  EXPECT_EQ(activity.ended[0], 1u);
  EXPECT_EQ(activity.ended[5], 1u);
  EXPECT_EQ(activity.total_latency, absl::Milliseconds(3));
}

TEST(MethodCountersTest, AnUnknownStatusCountsAsTheLastOne) {
  MethodCounters counters;
  counters.OnEnd(static_cast<absl::StatusCode>(99), absl::ZeroDuration());
  EXPECT_EQ(ActivityOf(counters).ended[16], 1u);
}

TEST(MethodCountersTest, EachLatencyIsInTheBucketOfItsBounds) {
  // Around each power of two, and between.
  for (int64_t power = 1; power < (int64_t{1} << 50); power <<= 1) {
    for (int64_t latency :
         {power - 1, power, power + power / 4 - 1, power + power / 4,
          power + power / 2, power + power * 3 / 4, 2 * power - 1}) {
      MethodCounters counters;
      counters.OnEnd(absl::StatusCode::kOk, absl::Nanoseconds(latency));
      const MethodActivity activity = ActivityOf(counters);
      ASSERT_EQ(activity.latencies.size(), 1u);
      EXPECT_EQ(activity.latencies[0].calls, 1u);
      const absl::Duration below = activity.latencies[0].below;
      EXPECT_LT(absl::Nanoseconds(latency), below);
      // The bucket before ends at four fifths of this, or more.
      if (latency >= 1024 && below != absl::InfiniteDuration()) {
        EXPECT_GE(absl::Nanoseconds(latency), below * 4 / 5) << latency;
      }
    }
  }
}

TEST(MethodCountersTest, BucketsAreInOrder) {
  MethodCounters counters;
  for (const absl::Duration latency :
       {absl::Hours(50), absl::Nanoseconds(1), absl::Seconds(1),
        absl::Microseconds(3), absl::Seconds(1), -absl::Seconds(1)}) {
    counters.OnEnd(absl::StatusCode::kOk, latency);
  }
  const MethodActivity activity = ActivityOf(counters);
  ASSERT_EQ(activity.latencies.size(), 4u);
  EXPECT_EQ(activity.latencies[0].below, absl::Nanoseconds(1024));
  EXPECT_EQ(activity.latencies[0].calls, 2u);  // also the negative one
  EXPECT_EQ(activity.latencies[2].calls, 2u);
  EXPECT_EQ(activity.latencies[3].below, absl::InfiniteDuration());
}

}  // namespace
}  // namespace fdrpc
