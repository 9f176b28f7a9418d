#ifndef FDRPC_TRANSPORT_REGION_WORDS_H_
#define FDRPC_TRANSPORT_REGION_WORDS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fdrpc {

// Access to the words of a part of a region, borrowed. Each access is atomic,
// because the peer may write at any moment: no value can be read twice by the
// compiler, and what the bytes are is data of the peer, not undefined
// behaviour. The bytes of a ring are accessed in aligned words of 8 bytes for
// that reason; it costs less than it takes another CPU's cache line to arrive.
//
// Lock-free atomic operations work between processes that map the memory at
// different addresses ([atomics.lockfree]).
class RegionWords {
 public:
  explicit RegionWords(char* part) : part_(part) {}

  uint32_t Load(size_t offset, std::memory_order order) const {
    return std::atomic_ref(*At<uint32_t>(offset)).load(order);
  }
  void Store(size_t offset, uint32_t value, std::memory_order order) const {
    std::atomic_ref(*At<uint32_t>(offset)).store(value, order);
  }
  uint64_t LoadBytes(size_t offset) const {
    return std::atomic_ref(*At<uint64_t>(offset))
        .load(std::memory_order_relaxed);
  }
  void StoreBytes(size_t offset, uint64_t value) const {
    std::atomic_ref(*At<uint64_t>(offset))
        .store(value, std::memory_order_relaxed);
  }

 private:
  template <typename Word>
  Word* At(size_t offset) const {
    static_assert(std::atomic_ref<Word>::is_always_lock_free);
    static_assert(std::atomic_ref<Word>::required_alignment <= 8);
    return reinterpret_cast<Word*>(part_ + offset);
  }

  char* part_;
};

// The part of this process. The peer can write there, too, so this process
// reads nothing of it: what it has written it knows.
class OwnWords {
 public:
  OwnWords(RegionWords part) : part_(part) {}

  void Store(size_t offset, uint32_t value, std::memory_order order) const {
    part_.Store(offset, value, order);
  }
  void StoreBytes(size_t offset, uint64_t value) const {
    part_.StoreBytes(offset, value);
  }

 private:
  RegionWords part_;
};

// The part of the peer, for reading.
class PeerWords {
 public:
  PeerWords(RegionWords part) : part_(part) {}

  uint32_t Load(size_t offset, std::memory_order order) const {
    return part_.Load(offset, order);
  }
  uint64_t LoadBytes(size_t offset) const { return part_.LoadBytes(offset); }

 private:
  RegionWords part_;
};

}  // namespace fdrpc

#endif  // FDRPC_TRANSPORT_REGION_WORDS_H_
