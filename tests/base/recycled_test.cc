#include "base/recycled.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/sanitizers.h"
#include "gtest/gtest.h"

namespace {

// Of a size that no other object has.
struct Object {
  char bytes[7001];
};

// How many of that size are allocated.
std::atomic<int> allocated{0};

// The memory starts after its size: not every compiler's allocator passes the
// size to the operator that frees it. (Out of line, because otherwise g++ sees
// a mismatch.)
constexpr size_t kBefore = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

[[gnu::noinline]] void* Allocate(size_t size) {
  auto* const memory = static_cast<char*>(std::malloc(kBefore + size));
  if (memory == nullptr) std::abort();
  std::memcpy(memory, &size, sizeof(size));
  if (size == sizeof(Object)) ++allocated;
  return memory + kBefore;
}
[[gnu::noinline]] void Free(void* memory) {
  if (memory == nullptr) return;
  char* const begin = static_cast<char*>(memory) - kBefore;
  size_t size = 0;
  std::memcpy(&size, begin, sizeof(size));
  if (size == sizeof(Object)) --allocated;
  std::free(begin);
}

}  // namespace

void* operator new(size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }

namespace fdrpc {
namespace {

// Each test has its own thread, which has kept nothing yet.
template <typename Function>
void OnAThread(Function function) {
  std::thread(function).join();
}

class RecycledTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (kAddressSanitizer) {
      GTEST_SKIP() << "nothing is kept under the address sanitizer";
    }
    ASSERT_EQ(allocated.load(), 0);
  }
  void TearDown() override {
    EXPECT_EQ(allocated.load(), 0) << "a thread that ends keeps nothing";
  }

  static std::vector<Object*> Allocate(int count) {
    std::vector<Object*> objects;
    for (int i = 0; i < count; ++i) {
      objects.push_back(Recycled<Object>().allocate(1));
    }
    return objects;
  }
  static void Deallocate(const std::vector<Object*>& objects) {
    for (Object* object : objects) Recycled<Object>().deallocate(object, 1);
  }
};

TEST(RecycledAddressSanitizerTest, NothingIsKeptThere) {
  OnAThread([] {
    Recycled<Object>().deallocate(Recycled<Object>().allocate(1), 1);
    EXPECT_EQ(allocated.load(), kAddressSanitizer ? 0 : 1);
  });
}

TEST_F(RecycledTest, WhatIsLetGoOfIsUsedAgain) {
  OnAThread([] {
    Object* const object = Recycled<Object>().allocate(1);
    for (int i = 0; i < 10; ++i) {
      Recycled<Object>().deallocate(object, 1);
      EXPECT_EQ(Recycled<Object>().allocate(1), object);
    }
    EXPECT_EQ(allocated.load(), 1);
    Recycled<Object>().deallocate(object, 1);
  });
}

TEST_F(RecycledTest, AThreadKeepsNoMoreThanItsShare) {
  OnAThread([] {
    Deallocate(Allocate(100));
    EXPECT_EQ(allocated.load(), 64);
    Deallocate(Allocate(100));
    EXPECT_EQ(allocated.load(), 64);
  });
}

TEST_F(RecycledTest, WhatOneThreadAllocatesAnotherMayKeep) {
  OnAThread([] {
    const std::vector<Object*> objects = Allocate(3);
    OnAThread([&] {
      Deallocate(objects);
      EXPECT_EQ(allocated.load(), 3);
      Deallocate(Allocate(3));
      EXPECT_EQ(allocated.load(), 3);
    });
    EXPECT_EQ(allocated.load(), 0);
  });
}

TEST_F(RecycledTest, ArraysAreNotKept) {
  OnAThread([] {
    Recycled<Object> allocator;
    allocator.deallocate(allocator.allocate(2), 2);
    Object* const one = allocator.allocate(1);
    EXPECT_EQ(allocated.load(), 1);
    allocator.deallocate(one, 1);
  });
}

// What a thread_local object of the thread frees when it is destroyed, possibly
// after the kept memory was freed.
struct LateUser {
  ~LateUser() { Deallocate(std::exchange(objects, {})); }
  static void Deallocate(const std::vector<Object*>& objects) {
    for (Object* object : objects) Recycled<Object>().deallocate(object, 1);
    Recycled<Object> allocator;
    allocator.deallocate(allocator.allocate(1), 1);
  }
  std::vector<Object*> objects;
};

TEST_F(RecycledTest, WhatAThreadLetsGoOfAtItsEndIsNotKept) {
  OnAThread([] {
    static thread_local LateUser user;  // destroyed last
    user.objects = Allocate(3);
    Deallocate(Allocate(2));
  });
}

TEST_F(RecycledTest, SharedObjectsLiveInRecycledMemory) {
  OnAThread([] {
    struct Counted {
      explicit Counted(int& alive) : alive(alive) { ++alive; }
      ~Counted() { --alive; }
      int& alive;
    };
    int alive = 0;
    auto first = MakeRecycled<Counted>(alive);
    const Counted* const where = first.get();
    EXPECT_EQ(alive, 1);
    first.reset();
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(MakeRecycled<Counted>(alive).get(), where);
    EXPECT_EQ(alive, 0);
  });
}

}  // namespace
}  // namespace fdrpc
