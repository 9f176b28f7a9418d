#include "server/method_counters.h"

#include <algorithm>
#include <bit>

namespace fdrpc {
namespace {

// The beginning of bucket 1: a microsecond, as a power of two.
constexpr int kFirstBits = 10;

}  // namespace

size_t MethodCounters::BucketOf(uint64_t nanoseconds) {
  if (nanoseconds < (uint64_t{1} << kFirstBits)) return 0;
  const int bits = std::bit_width(nanoseconds) - 1;
  const uint64_t part = (nanoseconds >> (bits - kPerFactorBits)) -
                        (uint64_t{1} << kPerFactorBits);
  const size_t bucket =
      1 + (static_cast<size_t>(bits - kFirstBits) << kPerFactorBits) + part;
  return std::min(bucket, kBuckets - 1);
}

uint64_t MethodCounters::EndOf(size_t bucket) {
  // The beginning of the next one.
  const size_t bits = kFirstBits + (bucket >> kPerFactorBits);
  const uint64_t part = bucket & ((size_t{1} << kPerFactorBits) - 1);
  return ((uint64_t{1} << kPerFactorBits) + part) << (bits - kPerFactorBits);
}

void MethodCounters::OnEnd(absl::StatusCode code, absl::Duration latency) {
  const auto number = std::min(static_cast<size_t>(code), ended_.size() - 1);
  const int64_t nanoseconds =
      std::max<int64_t>(absl::ToInt64Nanoseconds(latency), 0);
  latencies_[BucketOf(static_cast<uint64_t>(nanoseconds))].fetch_add(
      1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(nanoseconds, std::memory_order_relaxed);
  ended_[number].fetch_add(1, std::memory_order_relaxed);
}

void MethodCounters::CopyTo(MethodActivity& activity) const {
  // What has ended first, so that no more have ended than begun.
  for (size_t i = 0; i < ended_.size(); ++i) {
    activity.ended[i] = ended_[i].load(std::memory_order_relaxed);
  }
  activity.total_latency =
      absl::Nanoseconds(nanoseconds_.load(std::memory_order_relaxed));
  activity.latencies.clear();
  for (size_t i = 0; i < kBuckets; ++i) {
    const uint64_t calls = latencies_[i].load(std::memory_order_relaxed);
    if (calls == 0) continue;
    activity.latencies.push_back(
        {.below = i + 1 < kBuckets
                      ? absl::Nanoseconds(static_cast<int64_t>(EndOf(i)))
                      : absl::InfiniteDuration(),
         .calls = calls});
  }
  activity.begun = begun_.load(std::memory_order_relaxed);
}

}  // namespace fdrpc
