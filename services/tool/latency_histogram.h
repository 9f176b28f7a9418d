#ifndef FDRPC_SERVICES_TOOL_LATENCY_HISTOGRAM_H_
#define FDRPC_SERVICES_TOOL_LATENCY_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fdrpc::tool {

// Counts latencies in nanoseconds, each with an error of less than 2 %, in a
// fixed amount of memory.
class LatencyHistogram {
 public:
  struct Bucket {
    uint64_t from;  // inclusive
    uint64_t to;    // exclusive
    uint64_t count;
  };

  void Add(uint64_t nanoseconds);
  void Merge(const LatencyHistogram& other);

  uint64_t count() const { return count_; }
  // Exact. 0 if nothing was counted.
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const;
  // What `share` (0 to 1) of the latencies do not exceed; 0 if nothing was
  // counted.
  uint64_t Percentile(double share) const;
  // Those that have counted anything, a few for each factor of two.
  std::vector<Bucket> Buckets() const;

 private:
  // Numbers below 64 have a bucket each; above, 64 buckets share each factor of
  // two.
  static constexpr int kBits = 6;
  static constexpr size_t kPerFactor = size_t{1} << kBits;
  static size_t IndexOf(uint64_t value);
  static uint64_t BeginOf(size_t index);

  std::array<uint64_t, (64 - kBits + 1)* kPerFactor> counts_ = {};
  uint64_t count_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_LATENCY_HISTOGRAM_H_
