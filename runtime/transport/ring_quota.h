#ifndef FDRPC_TRANSPORT_RING_QUOTA_H_
#define FDRPC_TRANSPORT_RING_QUOTA_H_

#include <atomic>
#include <cassert>
#include <cstddef>

namespace fdrpc {

// Counts the connections that have rings and the bytes of their regions, those
// of the peers included, against a limit of bytes, and against that of another
// quota. Any thread.
class RingQuota {
 public:
  // Borrows `all`; null for none.
  explicit RingQuota(size_t most, RingQuota* all = nullptr)
      : most_(most), all_(all) {}
  RingQuota(const RingQuota&) = delete;
  RingQuota& operator=(const RingQuota&) = delete;

  // Counts one connection more. False, without counting it, if that is too
  // much.
  bool Add(size_t bytes) {
    const size_t before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
    if (before > most_ || bytes > most_ - before ||
        (all_ != nullptr && !all_->Add(bytes))) {
      bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      return false;
    }
    connections_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  void Remove(size_t bytes) {
    [[maybe_unused]] const size_t before =
        bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    assert(before >= bytes);
    connections_.fetch_sub(1, std::memory_order_relaxed);
    if (all_ != nullptr) all_->Remove(bytes);
  }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  size_t connections() const {
    return connections_.load(std::memory_order_relaxed);
  }

 private:
  const size_t most_;
  RingQuota* const all_;
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> connections_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_QUOTA_H_
