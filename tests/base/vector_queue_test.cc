#include "base/vector_queue.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::ElementsAre;
using ::testing::Pointee;

using Queue = VectorQueue<std::unique_ptr<int>>;

void Push(Queue& queue, int first, int end) {
  for (int i = first; i < end; ++i) queue.push_back(std::make_unique<int>(i));
}

TEST(VectorQueueTest, ElementsLeaveInTheirOrder) {
  Queue queue;
  EXPECT_TRUE(queue.empty());
  Push(queue, 0, 3);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_THAT(queue.pop_front(), Pointee(0));
  Push(queue, 3, 4);
  EXPECT_EQ(queue.end() - queue.begin(), 3);
  EXPECT_THAT(queue[0], Pointee(1));
  for (int i = 1; i < 4; ++i) EXPECT_THAT(queue.pop_front(), Pointee(i));
  EXPECT_TRUE(queue.empty());
}

TEST(VectorQueueTest, TakesOneFromTheMiddle) {
  Queue queue;
  Push(queue, 0, 5);
  queue.pop_front();
  EXPECT_THAT(queue.Take(2), Pointee(3));
  EXPECT_THAT(queue.Take(0), Pointee(1));
  EXPECT_THAT(queue.Take(1), Pointee(4));
  EXPECT_THAT(queue.Take(0), Pointee(2));
  EXPECT_TRUE(queue.empty());
}

TEST(VectorQueueTest, TakesAllThatAreLeft) {
  Queue queue;
  Push(queue, 0, 4);
  queue.pop_front();
  EXPECT_THAT(queue.TakeAll(), ElementsAre(Pointee(1), Pointee(2), Pointee(3)));
  EXPECT_TRUE(queue.empty());
  EXPECT_THAT(queue.TakeAll(), ElementsAre());
}

// Whatever has left, the queue takes no more room than a few times as many
// elements as it has had at once.
TEST(VectorQueueTest, RoomOfElementsThatHaveLeftIsUsedAgain) {
  constexpr int kMost = 10;
  Queue queue;
  Push(queue, 0, kMost);
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_THAT(queue.pop_front(), Pointee(i));
    Push(queue, i + kMost, i + kMost + 1);
  }
  EXPECT_EQ(queue.size(), size_t{kMost});
  EXPECT_LE(queue.TakeAll().capacity(), size_t{4 * kMost});
}

TEST(VectorQueueTest, AnEmptyQueueGivesItsMemoryBack) {
  VectorQueue<int> queue;
  for (int i = 0; i < 100; ++i) queue.push_back(int{i});
  while (!queue.empty()) queue.pop_front();
  queue.Shrink(/*kept=*/1'000);
  EXPECT_GE(queue.TakeAll().capacity(), 100u);
  queue.Shrink();
  EXPECT_EQ(queue.TakeAll().capacity(), 0u);
}

}  // namespace
}  // namespace fdrpc
