#include "services/tool/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace fdrpc::tool {

size_t LatencyHistogram::IndexOf(uint64_t value) {
  if (value < kPerFactor) return value;
  const int shift = std::bit_width(value) - kBits - 1;
  return static_cast<size_t>(shift + 1) * kPerFactor +
         ((value >> shift) - kPerFactor);
}

uint64_t LatencyHistogram::BeginOf(size_t index) {
  if (index < kPerFactor) return index;
  const size_t shift = index / kPerFactor - 1;
  return (kPerFactor + index % kPerFactor) << shift;
}

void LatencyHistogram::Add(uint64_t nanoseconds) {
  ++counts_[IndexOf(nanoseconds)];
  ++count_;
  min_ = std::min(min_, nanoseconds);
  max_ = std::max(max_, nanoseconds);
  sum_ += static_cast<double>(nanoseconds);
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double LatencyHistogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

uint64_t LatencyHistogram::Percentile(double share) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(
      std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= std::max<uint64_t>(rank, 1)) {
      // The upper end of the bucket, but nothing that was not seen.
      const uint64_t last =
          i + 1 < counts_.size() ? BeginOf(i + 1) - 1 : UINT64_MAX;
      return std::clamp(last, min_, max_);
    }
  }
  return max_;
}

std::vector<LatencyHistogram::Bucket> LatencyHistogram::Buckets() const {
  constexpr size_t kJoined = kPerFactor / 4;  // four for each factor of two
  std::vector<Bucket> buckets;
  for (size_t i = 0; i < counts_.size(); i += kJoined) {
    uint64_t count = 0;
    for (size_t j = i; j < i + kJoined; ++j) count += counts_[j];
    if (count == 0) continue;
    const uint64_t to =
        i + kJoined < counts_.size() ? BeginOf(i + kJoined) : UINT64_MAX;
    buckets.push_back({BeginOf(i), to, count});
  }
  return buckets;
}

}  // namespace fdrpc::tool
