#ifndef FDRPC_CONNECTION_TRAFFIC_H_
#define FDRPC_CONNECTION_TRAFFIC_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace fdrpc {

// Counts the frames of one direction of a connection. One thread at a time
// counts, and any may ask.
class Traffic {
 public:
  void Add(size_t bytes, size_t descriptors) {
    Grow(frames_, 1);
    Grow(bytes_, bytes);
    if (descriptors > 0) Grow(descriptors_, descriptors);
  }
  // The frames before this went together: with one system call, or over a ring.
  void AddTransfer() { Grow(transfers_, 1); }
  size_t transfers() const {
    return transfers_.load(std::memory_order_relaxed);
  }
  size_t frames() const { return frames_.load(std::memory_order_relaxed); }
  // Of frames, with their headers.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t descriptors() const {
    return descriptors_.load(std::memory_order_relaxed);
  }

 private:
  template <typename Number>
  static void Grow(std::atomic<Number>& number,
                   std::type_identity_t<Number> by) {
    // Not an atomic addition, which would cost more.
    number.store(number.load(std::memory_order_relaxed) + by,
                 std::memory_order_relaxed);
  }

  std::atomic<size_t> frames_{0};
  std::atomic<size_t> transfers_{0};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<uint64_t> descriptors_{0};
};

}  // namespace fdrpc

#endif  // FDRPC_CONNECTION_TRAFFIC_H_
