#include "fdrpc/internal/kept_messages.h"

#include <utility>

#include "base/sanitizers.h"

namespace fdrpc::internal {
namespace {

// None with the address sanitizer, which must see each allocation.
constexpr size_t kMostBytes = kAddressSanitizer ? 0 : 64u << 20;

// A message that was not large this many times in a row has more memory than
// its calls need.
constexpr int kMostSmallUses = 16;

// Of all types: how many messages are kept, and the memory of those and of the
// ones that calls have taken.
constinit std::atomic<int> kept{0};
constinit std::atomic<size_t> held_bytes{0};
constinit std::atomic<KeptMessages*> all{nullptr};

// This many large messages of a type return to the heap first: a single large
// call keeps nothing. Also, malloc(3) maps chunks of that size separately until
// one was freed (M_MMAP_THRESHOLD), and calls took twice as long with those.
constexpr int kMostFreed = 2;

}  // namespace

KeptMessages::Entry::~Entry() {
  held_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
}

std::unique_ptr<KeptMessages::Entry> KeptMessages::Remove(
    std::atomic<Entry*>& place) {
  if (place.load(std::memory_order_relaxed) == nullptr) return nullptr;
  std::unique_ptr<Entry> entry(
      place.exchange(nullptr, std::memory_order_acquire));
  if (entry != nullptr) Count(-1);
  return entry;
}

void KeptMessages::Put(std::unique_ptr<Entry> entry) {
  // Counted first, so that no count is ever below zero.
  Count(1);
  for (std::atomic<Entry*>& place : places_) {
    Entry* none = nullptr;
    if (place.compare_exchange_strong(none, entry.get(),
                                      std::memory_order_release,
                                      std::memory_order_relaxed)) {
      entry.release();
      return;
    }
  }
  Count(-1);
}

void KeptMessages::Count(int more) {
  count_.fetch_add(more, std::memory_order_relaxed);
  kept.fetch_add(more);
}

std::unique_ptr<KeptMessages::Entry> KeptMessages::Take() {
  for (std::atomic<Entry*>& place : places_) {
    std::unique_ptr<Entry> entry = Remove(place);
    if (entry != nullptr) return entry;
  }
  return nullptr;
}

void KeptMessages::Keep(std::unique_ptr<Entry> entry, size_t bytes,
                        bool large_use) {
  entry->unused_ = false;
  entry->small_uses_ = large_use ? 0 : entry->small_uses_ + 1;
  const size_t more = bytes - std::exchange(entry->bytes_, bytes);
  const size_t held =
      held_bytes.fetch_add(more, std::memory_order_relaxed) + more;
  if (held > kMostBytes || bytes < kLeastBytes ||
      entry->small_uses_ > kMostSmallUses) {
    return;
  }
  if (freed_.load(std::memory_order_relaxed) < kMostFreed) {
    freed_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Enlist();
  Put(std::move(entry));
}

void KeptMessages::Enlist() {
  if (listed_.load(std::memory_order_relaxed) || listed_.exchange(true)) return;
  next_ = all.load(std::memory_order_relaxed);
  while (!all.compare_exchange_weak(next_, this, std::memory_order_release,
                                    std::memory_order_relaxed)) {
  }
}

bool KeptMessages::Any() { return kept.load() != 0; }

void KeptMessages::DropUnused() {
  for (KeptMessages* type = all.load(std::memory_order_acquire);
       type != nullptr; type = type->next_) {
    for (std::atomic<Entry*>& place : type->places_) {
      std::unique_ptr<Entry> entry = type->Remove(place);
      if (entry == nullptr || std::exchange(entry->unused_, true)) continue;
      type->Put(std::move(entry));
    }
  }
}

}  // namespace fdrpc::internal
