#include "os/fork_generation.h"

#include <thread>

#include "gtest/gtest.h"
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

}  // namespace
}  // namespace fdrpc::testing
