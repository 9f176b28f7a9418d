#ifndef FDRPC_BASE_RECYCLED_H_
#define FDRPC_BASE_RECYCLED_H_

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "base/sanitizers.h"

namespace fdrpc {

// An allocator for std::allocate_shared(), for objects that are made and freed
// with each call and are too large for malloc(3) to be quick. Each thread keeps
// the memory of some that it has freed, and reuses it for the next ones.
template <typename T>
class Recycled {
 public:
  using value_type = T;

  Recycled() = default;
  template <typename U>
  Recycled(const Recycled<U>&) {}  // NOLINT: as allocators are

  T* allocate(size_t count) {
    if (count == 1 && kept_.count > 0) {
      return static_cast<T*>(kept_.memory[--kept_.count]);
    }
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* memory, size_t count) {
    if (count == 1 && kept_.count < kept_.most) {
      static thread_local AtThreadExit at_thread_exit;
      kept_.memory[kept_.count++] = memory;
      return;
    }
    std::allocator<T>().deallocate(memory, count);
  }

  friend bool operator==(const Recycled&, const Recycled&) { return true; }

 private:
  // None with the address sanitizer, which must see each allocation.
  static constexpr size_t kMost = kAddressSanitizer ? 0 : 64;

  struct KeptMemory {
    size_t count = 0;
    size_t most = kMost;
    void* memory[kMost + 1] = {};
  };
  // Lives as long as the thread, and has no destructor: other thread_local
  // objects may free memory after this was emptied.
  static inline constinit thread_local KeptMemory kept_;

  struct AtThreadExit {
    ~AtThreadExit() {
      // Memory that the thread frees from here on is not kept.
      kept_.most = 0;
      while (kept_.count > 0) {
        std::allocator<T>().deallocate(
            static_cast<T*>(kept_.memory[--kept_.count]), 1);
      }
    }
  };
};

// Like std::make_shared().
template <typename T, typename... Arguments>
std::shared_ptr<T> MakeRecycled(Arguments&&... arguments) {
  return std::allocate_shared<T>(Recycled<T>(),
                                 std::forward<Arguments>(arguments)...);
}

}  // namespace fdrpc

#endif  // FDRPC_BASE_RECYCLED_H_
