#include "os/fork_ledger.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>

namespace fdrpc {
namespace {

constexpr size_t kPageSize = 1024;
constexpr size_t kPages = 1024;

using Page = std::array<std::atomic<uint32_t>, kPageSize>;

// A page is allocated when one of its numbers is first used, and never freed.
constinit std::array<std::atomic<Page*>, kPages> pages{};
constinit std::atomic<uint32_t> last_owner{0};

// The word for `fd`, or null if the number is too high; without `make` also if
// its page does not exist.
std::atomic<uint32_t>* PlaceOf(int fd, bool make) {
  const auto number = static_cast<size_t>(fd);
  if (fd < 0 || number >= kPages * kPageSize) return nullptr;
  std::atomic<Page*>& place = pages[number / kPageSize];
  Page* page = place.load(std::memory_order_acquire);
  if (page == nullptr && make) {
    auto made = std::make_unique<Page>();
    if (place.compare_exchange_strong(page, made.get())) page = made.release();
  }
  return page == nullptr ? nullptr : &(*page)[number % kPageSize];
}

}  // namespace

uint32_t ForkLedger::NewOwner() { return ++last_owner; }

void ForkLedger::Add(int fd, uint32_t owner) {
  if (std::atomic<uint32_t>* place = PlaceOf(fd, /*make=*/true)) {
    place->store(owner, std::memory_order_release);
  }
}

void ForkLedger::Remove(int fd) {
  if (std::atomic<uint32_t>* place = PlaceOf(fd, /*make=*/false)) {
    place->store(0, std::memory_order_release);
  }
}

void ForkLedger::CloseAllOf(uint32_t owner) {
  for (size_t i = 0; i < kPages; ++i) {
    Page* const page = pages[i].load(std::memory_order_acquire);
    if (page == nullptr) continue;
    for (size_t j = 0; j < kPageSize; ++j) {
      uint32_t expected = owner;
      if ((*page)[j].compare_exchange_strong(expected, 0)) {
        ::close(static_cast<int>(i * kPageSize + j));
      }
    }
  }
}

}  // namespace fdrpc
