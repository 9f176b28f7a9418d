// BlockOn() and Spawn() with awaitables of every kind.

#include "fdrpc/task.h"

#include <coroutine>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace fdrpc {
namespace task_test {

// Waits until Go(), and can be moved only before that.
struct Gate {
  std::coroutine_handle<> waiter;
  void Go() { std::exchange(waiter, nullptr).resume(); }
};
class GateAwaiter {
 public:
  explicit GateAwaiter(Gate& gate) : gate_(gate) {}
  GateAwaiter(GateAwaiter&& other) noexcept : gate_(other.gate_) {}

  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> waiter) { gate_.waiter = waiter; }
  const Gate& await_resume() { return gate_; }

 private:
  Gate& gate_;
};
struct ReadyAwaiter {
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  const std::string& await_resume() { return text; }
  const std::string& text;
};

}  // namespace task_test

namespace {

using task_test::Gate;
using task_test::GateAwaiter;
using task_test::ReadyAwaiter;

Task<std::unique_ptr<int>> Seven() { co_return std::make_unique<int>(7); }
Task<void> Set(int& to, int value) {
  to = value;
  co_return;
}

TEST(TaskTest, BlockOnGivesWhatATaskGives) {
  EXPECT_EQ(*BlockOn(Seven()), 7);
  int set = 0;
  BlockOn(Set(set, 3));
  EXPECT_EQ(set, 3);
  Task<std::unique_ptr<int>> named = Seven();
  EXPECT_EQ(*BlockOn(std::move(named)), 7);
}

TEST(TaskTest, BlockOnGivesWhatAnAwaiterGives) {
  const std::string text = "borrowed";
  const std::string& given = BlockOn(ReadyAwaiter{text});
  EXPECT_EQ(&given, &text);
  ReadyAwaiter named{text};
  EXPECT_EQ(&BlockOn(named), &text);
}

TEST(TaskTest, SpawnRunsATaskOfAnyResult) {
  int set = 0;
  Spawn(Set(set, 4));
  EXPECT_EQ(set, 4);
  Spawn(Seven());
}

TEST(TaskTest, SpawnRunsAnAwaiterUntilItWaits) {
  Gate gate;
  Spawn(GateAwaiter(gate));
  ASSERT_TRUE(gate.waiter);
  gate.Go();
  EXPECT_FALSE(gate.waiter);
}

}  // namespace
}  // namespace fdrpc
