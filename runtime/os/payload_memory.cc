#include "os/payload_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <new>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "os/per_process.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// The size of a slab's header. It is not a whole number of pages: on AMD's Zen
// 3 and 4, `rep movsb` from the start of a page to a little behind the start of
// another page, which is where malloc(3) places large chunks, takes ten times
// as long (glibc's bug 30994).
constexpr size_t kHeadBytes = 4096 + 1024;
constexpr size_t kSlabBytes = 2u << 20;
// The number of the largest blocks in a slab; there are twice as many of half
// the size, and so on.
constexpr uint32_t kBlocks = 3;
constexpr size_t kSizes = 3;
constexpr size_t BlockBytes(size_t size) { return kPayloadBlockBytes >> size; }
static_assert(kHeadBytes + kBlocks * kPayloadBlockBytes <= kSlabBytes);
// How many unused slabs are kept. All but kKeptIdleSlabs of them are left to
// the kernel to take when memory is short.
constexpr size_t kMostIdleSlabs = 16;
constexpr size_t kKeptIdleSlabs = 2;

// Maps the memory of one huge page, aligned to its size; null if there is none.
char* MapSlab() {
  // Twice the size, so that it contains an aligned part.
  const intptr_t mapped = Syscalls::Get().map_memory(2 * kSlabBytes);
  if (mapped == -1) return nullptr;
  char* const begin = reinterpret_cast<char*>(mapped);
  const size_t before = (0 - static_cast<uintptr_t>(mapped)) % kSlabBytes;
  if (before > 0) ::munmap(begin, before);
  ::munmap(begin + before + kSlabBytes, kSlabBytes - before);
  ::madvise(begin + before, kSlabBytes, MADV_HUGEPAGE);
  return begin + before;
}

// The memory of one huge page while any of it is in use: a header, and blocks
// of one size.
class Slab {
 public:
  static Slab* Of(char* block) {
    return reinterpret_cast<Slab*>(block - reinterpret_cast<uintptr_t>(block) %
                                               kSlabBytes);
  }

  explicit Slab(size_t size) : size_(size) {}

  // The index of the block size; 0 is the largest.
  size_t size() const { return size_; }
  bool full() const { return taken_ == (1u << (kBlocks << size_)) - 1; }
  bool unused() const { return taken_ == 0; }
  char* Take() {
    const int block = std::countr_one(taken_);
    taken_ |= 1u << block;
    return reinterpret_cast<char*>(this) + kHeadBytes +
           static_cast<size_t>(block) * BlockBytes(size_);
  }
  void Return(const char* block) {
    const auto offset =
        static_cast<size_t>(block - reinterpret_cast<const char*>(this));
    taken_ &= ~(1u << (offset - kHeadBytes) / BlockBytes(size_));
  }
  bool inherited_by_fork() const { return fork_mark_.inherited(); }

  // Neighbours in the list of slabs with a free block.
  Slab* next = nullptr;
  Slab* previous = nullptr;

 private:
  const ForkMark fork_mark_;
  const size_t size_;
  uint32_t taken_ = 0;  // one bit per block
};
static_assert(sizeof(Slab) <= kHeadBytes);

// The slabs of this process: those in use and those that are kept.
class Slabs {
 public:
  // A block of that size. Null if there is no memory; without `map`, null if no
  // mapped block is free.
  char* Take(size_t size, bool map) {
    MutexLock lock(mu_);
    if (first_[size] == nullptr) {
      char* const memory = idle_count_ > 0 ? idle_[--idle_count_]
                           : map           ? MapSlab()
                                           : nullptr;
      if (memory == nullptr) return nullptr;
      Add(new (memory) Slab(size));
    }
    Slab* const slab = first_[size];
    char* const block = slab->Take();
    if (slab->full()) Remove(slab);
    return block;
  }

  void Return(char* block) {
    Slab* const slab = Slab::Of(block);
    char* const memory = reinterpret_cast<char*>(slab);
    {
      MutexLock lock(mu_);
      if (slab->full()) Add(slab);
      slab->Return(block);
      if (!slab->unused()) return;
      Remove(slab);
      if (Keep(memory, kKeptIdleSlabs)) return;
    }
    ::madvise(memory, kSlabBytes, MADV_FREE);
    {
      MutexLock lock(mu_);
      if (Keep(memory, kMostIdleSlabs)) return;
    }
    ::munmap(memory, kSlabBytes);
  }

 private:
  // False if there are already so many.
  bool Keep(char* memory, size_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (idle_count_ >= most) return false;
    idle_[idle_count_++] = memory;
    return true;
  }
  void Add(Slab* slab) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Slab*& first = first_[slab->size()];
    slab->previous = nullptr;
    slab->next = first;
    if (first != nullptr) first->previous = slab;
    first = slab;
  }
  void Remove(Slab* slab) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    Slab*& first = first_[slab->size()];
    (slab->previous != nullptr ? slab->previous->next : first) = slab->next;
    if (slab->next != nullptr) slab->next->previous = slab->previous;
  }

  Mutex mu_;
  // The slabs in use that are not full, by block size.
  std::array<Slab*, kSizes> first_ ABSL_GUARDED_BY(mu_) = {};
  std::array<char*, kMostIdleSlabs> idle_ ABSL_GUARDED_BY(mu_);
  size_t idle_count_ ABSL_GUARDED_BY(mu_) = 0;
};

constinit PerProcess<Slabs> own_slabs;

void ReturnBlock(char* block, size_t) {
  // Blocks that a child inherited are not reused.
  if (Slab::Of(block)->inherited_by_fork()) return;
  own_slabs.Get().Return(block);
}

}  // namespace

PayloadBuffer NewPayload(size_t least, size_t most) {
  // The smallest size that holds `most`. Buffers of less than half the smallest
  // block come from the heap.
  size_t size = kSizes - 1;
  while (size > 0 && BlockBytes(size) < most) --size;
  const size_t bytes = BlockBytes(size);
  if (most >= bytes / 2 && least <= bytes) {
    char* const block = own_slabs.Get().Take(size, /*map=*/least >= bytes / 2);
    if (block != nullptr) return PayloadBuffer(block, bytes, ReturnBlock);
  }
  return PayloadBuffer::Allocate(least);
}

PayloadBuffer MapPayload(size_t bytes) {
  const intptr_t mapped = Syscalls::Get().map_memory(bytes);
  if (mapped == -1) return {};
  char* const begin = reinterpret_cast<char*>(mapped);
  ::madvise(begin, bytes, MADV_HUGEPAGE);
  return PayloadBuffer(begin, bytes, [](char* data, size_t capacity) {
    ::munmap(data, capacity);
  });
}

}  // namespace fdrpc
