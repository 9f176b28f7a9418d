#include "services/tool/latency_histogram.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace fdrpc::tool {
namespace {

TEST(LatencyHistogram, IsEmptyAtFirst) {
  const LatencyHistogram none;
  EXPECT_EQ(none.count(), 0u);
  EXPECT_EQ(none.min(), 0u);
  EXPECT_EQ(none.max(), 0u);
  EXPECT_EQ(none.mean(), 0);
  EXPECT_EQ(none.Percentile(0.5), 0u);
  EXPECT_TRUE(none.Buckets().empty());
}

TEST(LatencyHistogram, TellsPercentilesWithinTwoPercent) {
  LatencyHistogram latencies;
  for (uint64_t i = 1; i <= 100000; ++i) latencies.Add(i * 10);
  EXPECT_EQ(latencies.count(), 100000u);
  EXPECT_EQ(latencies.min(), 10u);
  EXPECT_EQ(latencies.max(), 1000000u);
  EXPECT_NEAR(latencies.mean(), 500005, 1);
  for (const double share : {0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const double exact = share * 1e6;
    const auto told = static_cast<double>(latencies.Percentile(share));
    EXPECT_GE(told, exact * 0.999) << share;
    EXPECT_LE(told, exact * 1.02) << share;
  }
  EXPECT_EQ(latencies.Percentile(0), 10u);
}

TEST(LatencyHistogram, TakesEveryNumber) {
  LatencyHistogram latencies;
  latencies.Add(0);
  latencies.Add(63);
  latencies.Add(64);
  latencies.Add(UINT64_MAX);
  EXPECT_EQ(latencies.Percentile(0.25), 0u);
  EXPECT_EQ(latencies.Percentile(0.5), 63u);
  EXPECT_EQ(latencies.Percentile(0.75), 64u);
  EXPECT_EQ(latencies.Percentile(1), UINT64_MAX);
}

TEST(LatencyHistogram, BucketsCountEverythingOnce) {
  LatencyHistogram one;
  LatencyHistogram latencies;
  for (uint64_t i = 0; i < 5000; ++i) (i % 2 ? one : latencies).Add(i * i);
  latencies.Merge(one);
  EXPECT_EQ(latencies.count(), 5000u);
  EXPECT_EQ(latencies.max(), 4999u * 4999u);
  uint64_t sum = 0;
  uint64_t end = 0;
  for (const auto& bucket : latencies.Buckets()) {
    EXPECT_GE(bucket.from, end);
    EXPECT_GT(bucket.to, bucket.from);
    end = bucket.to;
    sum += bucket.count;
  }
  EXPECT_EQ(sum, 5000u);
}

}  // namespace
}  // namespace fdrpc::tool
