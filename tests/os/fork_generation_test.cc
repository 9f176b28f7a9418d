#include "os/fork_generation.h"

#include <cstddef>
#include <latch>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "os/per_process.h"
#include "tests/support/child.h"

namespace fdrpc::testing {
namespace {

TEST(ForkGenerationTest, IsTheSameWithinAProcess) {
  const uint32_t generation = ForkGeneration();
  EXPECT_EQ(ForkGeneration(), generation);
  std::thread([&] { EXPECT_EQ(ForkGeneration(), generation); }).join();
}

TEST(ForkGenerationTest, DiffersInAChildAndInItsChild) {
  const uint32_t generation = ForkGeneration();
  EXPECT_EQ(InChild([&] {
              const uint32_t childs = ForkGeneration();
              if (childs == generation) return 1;
              return InChild([&] {
                const uint32_t grandchilds = ForkGeneration();
                return grandchilds == childs || grandchilds == generation;
              });
            }),
            0);
  EXPECT_EQ(ForkGeneration(), generation) << "the parent's stays";
}

TEST(ForkMarkTest, IsInheritedInAChildAlone) {
  const ForkMark origin;
  EXPECT_FALSE(origin.inherited());
  std::thread([&] { EXPECT_FALSE(origin.inherited()); }).join();
  EXPECT_EQ(InChild([&] {
              if (!origin.inherited()) return 1;
              const ForkMark childs;
              if (childs.inherited()) return 2;
              return InChild([&] { return childs.inherited() ? 0 : 3; });
            }),
            0);
  EXPECT_FALSE(origin.inherited());
}

TEST(PerProcessTest, IsTheSameWithinAProcessAndNewInAChild) {
  static constinit PerProcess<int> number;
  number.Get() = 7;
  EXPECT_EQ(number.Get(), 7);
  std::thread([] { EXPECT_EQ(number.Get(), 7); }).join();
  EXPECT_EQ(InChild([] {
              if (number.Get() != 0) return 1;
              number.Get() = 8;
              return number.Get() == 8 ? 0 : 2;
            }),
            0);
  EXPECT_EQ(number.Get(), 7);
}

TEST(PerProcessTest, IsOneForThreadsThatAskAtOnce) {
  struct Counted {
    int number = 0;
  };
  static constinit PerProcess<Counted> counted;
  std::vector<const Counted*> got(8);
  std::latch begin(static_cast<std::ptrdiff_t>(got.size()));
  std::vector<std::jthread> threads;
  for (const Counted*& each : got) {
    threads.emplace_back([&] {
      begin.arrive_and_wait();
      each = &counted.Get();
    });
  }
  threads.clear();
  for (const Counted* each : got) EXPECT_EQ(each, &counted.Get());
}

}  // namespace
}  // namespace fdrpc::testing
