#include "call/continuation_queue.h"

#include <array>
#include <functional>
#include <string>

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

// Records its name when it runs.
class Named final : public Continuation {
 public:
  Named(char name, std::string& to) : name_(name), to_(to) {}
  void Run() override { to_ += name_; }

 private:
  const char name_;
  std::string& to_;
};

class ContinuationQueueTest : public ::testing::Test {
 protected:
  void PushAll() {
    for (Named& continuation : all_) queue_.PushBack(continuation);
  }
  // What was in the queue, in order; empties it.
  std::string RunAll() {
    ran_.clear();
    while (Continuation* next = queue_.PopFront()) next->Run();
    EXPECT_TRUE(queue_.empty());
    return ran_;
  }

  std::string ran_;
  Named a_{'a', ran_};
  Named b_{'b', ran_};
  Named c_{'c', ran_};
  std::array<std::reference_wrapper<Named>, 3> all_ = {a_, b_, c_};
  ContinuationQueue queue_;
};

TEST_F(ContinuationQueueTest, HasNothingAtFirst) {
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.PopFront(), nullptr);
}

TEST_F(ContinuationQueueTest, GivesThemInTheOrderInWhichTheyCame) {
  PushAll();
  EXPECT_FALSE(queue_.empty());
  EXPECT_EQ(RunAll(), "abc");
  EXPECT_EQ(queue_.PopFront(), nullptr);
}

TEST_F(ContinuationQueueTest, TakesTheSameOnesAgain) {
  for (int i = 0; i < 3; ++i) {
    PushAll();
    EXPECT_EQ(RunAll(), "abc");
  }
}

TEST_F(ContinuationQueueTest, TakesOneBackAtTheEndAsItIsTakenOut) {
  PushAll();
  queue_.PushBack(static_cast<Named&>(*queue_.PopFront()));
  EXPECT_EQ(RunAll(), "bca");
}

TEST_F(ContinuationQueueTest, RemovesTheFirst) {
  PushAll();
  EXPECT_TRUE(queue_.Remove(a_));
  EXPECT_EQ(RunAll(), "bc");
}

TEST_F(ContinuationQueueTest, RemovesOneInTheMiddle) {
  PushAll();
  EXPECT_TRUE(queue_.Remove(b_));
  EXPECT_EQ(RunAll(), "ac");
}

TEST_F(ContinuationQueueTest, RemovesTheLast) {
  PushAll();
  EXPECT_TRUE(queue_.Remove(c_));
  queue_.PushBack(c_);
  EXPECT_TRUE(queue_.Remove(c_));
  EXPECT_EQ(RunAll(), "ab");
}

TEST_F(ContinuationQueueTest, RemovesTheOnlyOne) {
  queue_.PushBack(a_);
  EXPECT_TRUE(queue_.Remove(a_));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.PopFront(), nullptr);
  PushAll();
  EXPECT_EQ(RunAll(), "abc");
}

TEST_F(ContinuationQueueTest, SaysThatOneIsNotInIt) {
  EXPECT_FALSE(queue_.Remove(a_)) << "in an empty queue";
  queue_.PushBack(b_);
  EXPECT_FALSE(queue_.Remove(a_)) << "in a queue of another one";
  queue_.PushBack(c_);
  EXPECT_FALSE(queue_.Remove(a_));
  EXPECT_EQ(RunAll(), "bc");
  for (Named& continuation : all_) {
    EXPECT_FALSE(queue_.Remove(continuation)) << "taken out";
  }
}

TEST_F(ContinuationQueueTest, RemovesEachOnce) {
  PushAll();
  EXPECT_TRUE(queue_.Remove(b_));
  EXPECT_FALSE(queue_.Remove(b_));
  EXPECT_TRUE(queue_.Remove(a_));
  EXPECT_FALSE(queue_.Remove(a_));
  EXPECT_TRUE(queue_.Remove(c_));
  EXPECT_FALSE(queue_.Remove(c_));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(ContinuationQueueTest, MovesOneThatIsRemovedToTheEnd) {
  PushAll();
  EXPECT_TRUE(queue_.Remove(b_));
  queue_.PushBack(b_);
  EXPECT_EQ(RunAll(), "acb");
}

TEST_F(ContinuationQueueTest, IsForContinuationsOfSeveralQueuesInTurn) {
  ContinuationQueue other;
  queue_.PushBack(a_);
  queue_.PushBack(b_);
  EXPECT_TRUE(queue_.Remove(b_));
  other.PushBack(b_);
  other.PushBack(c_);
  EXPECT_EQ(RunAll(), "a");
  EXPECT_TRUE(other.Remove(c_));
  EXPECT_EQ(other.PopFront(), &b_);
}

}  // namespace
}  // namespace fdrpc
