#ifndef FDRPC_SERVER_METHOD_COUNTERS_H_
#define FDRPC_SERVER_METHOD_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/server_activity.h"

namespace fdrpc {

// Counts the calls of one method, and their latencies, in a fixed amount of
// memory. Any thread.
class MethodCounters {
 public:
  void OnBegin() { begun_.fetch_add(1, std::memory_order_relaxed); }
  void OnEnd(absl::StatusCode code, absl::Duration latency);

  // Sets all members of `activity` but its name. Calls that end meanwhile may
  // count in some and not in others.
  void CopyTo(MethodActivity& activity) const;

 private:
  // Bucket 0 is below a microsecond, and the last one has everything from a
  // little more than an hour on.
  static constexpr int kPerFactorBits = 2;
  static constexpr size_t kBuckets = 130;
  static size_t BucketOf(uint64_t nanoseconds);
  // Exclusive; in nanoseconds.
  static uint64_t EndOf(size_t bucket);

  std::atomic<uint64_t> begun_{0};
  std::array<std::atomic<uint64_t>, 17> ended_ = {};
  std::atomic<int64_t> nanoseconds_{0};
  std::array<std::atomic<uint64_t>, kBuckets> latencies_ = {};
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_METHOD_COUNTERS_H_
