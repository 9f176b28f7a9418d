#ifndef FDRPC_OS_DESCRIPTOR_QUOTA_H_
#define FDRPC_OS_DESCRIPTOR_QUOTA_H_

#include <atomic>
#include <cassert>
#include <cstddef>

namespace fdrpc {

// Counts the descriptors that several sockets or queues hold together, against
// a limit. A holder without descriptors may always take some, so the count can
// exceed the limit. Any thread.
class DescriptorQuota {
 public:
  explicit DescriptorQuota(size_t most) : most_(most) {}
  DescriptorQuota(const DescriptorQuota&) = delete;
  DescriptorQuota& operator=(const DescriptorQuota&) = delete;

  void Add(size_t count) { held_.fetch_add(count, std::memory_order_relaxed); }
  void Remove(size_t count) {
    [[maybe_unused]] const size_t before =
        held_.fetch_sub(count, std::memory_order_relaxed);
    assert(before >= count);
  }
  size_t held() const { return held_.load(std::memory_order_relaxed); }
  size_t most() const { return most_; }

 private:
  const size_t most_;
  std::atomic<size_t> held_{0};
};

// The descriptors on the connections of one peer that the peer has not
// received.
struct UnreceivedDescriptors {
  explicit UnreceivedDescriptors(size_t most) : queued(most), in_flight(most) {}

  DescriptorQuota queued;     // open in this process
  DescriptorQuota in_flight;  // the kernel's (DescriptorFlight)
};

}  // namespace fdrpc

#endif  // FDRPC_OS_DESCRIPTOR_QUOTA_H_
