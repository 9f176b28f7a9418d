#ifndef FDRPC_BASE_RECYCLED_H_
#define FDRPC_BASE_RECYCLED_H_

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include "base/sanitizers.h"

namespace fdrpc {

// An allocator for std::allocate_shared() of objects that come and go with each
// call, and are too large for malloc(3) to be quick about: a thread keeps the
// memory of some that it has let go of, and takes the next from there.
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
  // None where the address sanitizer is to see each of them come and go.
  static constexpr size_t kMost = kAddressSanitizer ? 0 : 64;

  struct Kept {
    size_t count = 0;
    size_t most = kMost;
    void* memory[kMost + 1] = {};
  };
  // Lives as long as the thread, without a destructor: other thread_local
  // objects may let go of something after it has been emptied.
  static inline constinit thread_local Kept kept_;

  struct AtThreadExit {
    ~AtThreadExit() {
      // What the thread lets go of from here on is not kept.
      kept_.most = 0;
      while (kept_.count > 0) {
        std::allocator<T>().deallocate(
            static_cast<T*>(kept_.memory[--kept_.count]), 1);
      }
    }
  };
};

// As std::make_shared().
template <typename T, typename... Arguments>
std::shared_ptr<T> MakeRecycled(Arguments&&... arguments) {
  return std::allocate_shared<T>(Recycled<T>(),
                                 std::forward<Arguments>(arguments)...);
}

}  // namespace fdrpc

#endif  // FDRPC_BASE_RECYCLED_H_
