#ifndef FDRPC_TRANSPORT_RING_QUOTA_H_
#define FDRPC_TRANSPORT_RING_QUOTA_H_

#include <atomic>
#include <cassert>
#include <cstddef>

namespace fdrpc {

// Counts the connections that have rings, the bytes of their regions, those of
// the peers included, and the descriptors of regions that nobody has joined
// yet, against limits of bytes and descriptors, and against those of another
// quota. Any thread.
class RingQuota {
 public:
  // Borrows `all`; null for none.
  RingQuota(size_t most_bytes, size_t most_files, RingQuota* all = nullptr)
      : most_bytes_(most_bytes), most_files_(most_files), all_(all) {}
  RingQuota(const RingQuota&) = delete;
  RingQuota& operator=(const RingQuota&) = delete;

  // Counts one connection more, with a descriptor. False, without counting it,
  // if that is too much.
  bool Add(size_t bytes) {
    const size_t before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
    const size_t files = files_.fetch_add(1, std::memory_order_relaxed);
    if (before > most_bytes_ || bytes > most_bytes_ - before ||
        files >= most_files_ || (all_ != nullptr && !all_->Add(bytes))) {
      bytes_.fetch_sub(bytes, std::memory_order_relaxed);
      files_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    connections_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  // Its descriptor is closed.
  void RemoveFile() {
    files_.fetch_sub(1, std::memory_order_relaxed);
    if (all_ != nullptr) all_->RemoveFile();
  }
  // The connection has rings no more; after RemoveFile().
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
  const size_t most_bytes_;
  const size_t most_files_;
  RingQuota* const all_;
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> files_{0};
  std::atomic<size_t> connections_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_RING_QUOTA_H_
