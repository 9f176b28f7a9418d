#include "client/pending_calls.h"

#include <deque>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PendingCallsTest : public ::testing::Test {
 protected:
  using Queue = PendingCalls::Queue;
  static constexpr Method kUnary = {.full_name = "p.S/Unary"};
  static constexpr Method kOneWay = {.full_name = "p.S/OneWay",
                                     .one_way = true};
  static constexpr uint32_t kMany = 100;

  // A call whose request has so many frames.
  PendingCall& NewCall(const Method& method = kUnary, size_t frames = 1) {
    PendingCall& call = made_.emplace_back(
        method, kNoDeadline, MessageLimits{.bytes = 1, .descriptors = 0},
        Credit{});
    call.open = OutgoingFrames(frames);
    return call;
  }
  PendingCall& Add(const Method& method = kUnary, size_t frames = 1) {
    PendingCall& call = NewCall(method, frames);
    calls_.Add(call);
    return call;
  }
  // A call that was sent.
  PendingCall& Sent(const Method& method = kUnary, size_t frames = 1) {
    PendingCall& call = Add(method, frames);
    calls_.MarkSent(call);
    return call;
  }

  std::deque<PendingCall> made_;
  PendingCalls calls_;
};

TEST_F(PendingCallsTest, IsEmptyWhenNoCallWaitsOrWasSent) {
  EXPECT_TRUE(calls_.empty());
  PendingCall& call = Add();
  EXPECT_FALSE(calls_.empty());
  calls_.MarkSent(call);
  EXPECT_FALSE(calls_.empty());
  calls_.Remove(call);
  EXPECT_TRUE(calls_.empty());
}

TEST_F(PendingCallsTest, CallsWaitInOrderInQueuesOfTheirKinds) {
  PendingCall& first = Add();
  PendingCall& second = Add();
  PendingCall& large = Add(kUnary, 2);
  PendingCall& one_way = Add(kOneWay, 2);
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, kMany), &first);
  EXPECT_EQ(calls_.Next(Queue::kLarge, kMany), &large);
  EXPECT_EQ(calls_.Next(Queue::kOneWay, kMany), &one_way);
  calls_.MarkSent(first);
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, kMany), &second);
  calls_.MarkSent(large);
  EXPECT_EQ(calls_.Next(Queue::kLarge, kMany), nullptr);
}

TEST_F(PendingCallsTest, CallsThatWereSentAreFoundByTheirIds) {
  PendingCall& first = Sent();
  PendingCall& second = Sent(kOneWay);
  EXPECT_EQ(first.id, 1u);
  EXPECT_EQ(second.id, 2u);
  EXPECT_EQ(calls_.Find(1), &first);
  EXPECT_EQ(calls_.Find(2), &second);
  EXPECT_EQ(calls_.Find(3), nullptr);
  EXPECT_THAT(calls_.Sent(), UnorderedElementsAre(&first, &second));
  calls_.Remove(first);
  EXPECT_EQ(calls_.Find(1), nullptr);
  EXPECT_TRUE(calls_.WasSent(1)) << "ids are not used again";
  EXPECT_FALSE(calls_.WasSent(3));
  EXPECT_EQ(Sent().id, 3u);
}

TEST_F(PendingCallsTest, CallsWaitWhileTheServerHasAsManyAsItTakes) {
  PendingCall& one = Sent();
  Sent();
  Add();
  Add(kUnary, 2);
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, 2), nullptr);
  EXPECT_EQ(calls_.Next(Queue::kLarge, 2), nullptr);
  calls_.Remove(one);
  EXPECT_NE(calls_.Next(Queue::kOneFrame, 2), nullptr);
  EXPECT_NE(calls_.Next(Queue::kLarge, 2), nullptr);
}

TEST_F(PendingCallsTest, OneWayCallsNeitherCountNorWaitForTheNumber) {
  Sent();
  PendingCall& one_way = Sent(kOneWay);
  Sent(kOneWay);
  Add(kOneWay);
  EXPECT_NE(calls_.Next(Queue::kOneWay, 1), nullptr);
  Add();
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, 1), nullptr);
  EXPECT_NE(calls_.Next(Queue::kOneFrame, 2), nullptr);
  calls_.Remove(one_way);
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, 1), nullptr);
  EXPECT_NE(calls_.Next(Queue::kOneFrame, 2), nullptr);
}

TEST_F(PendingCallsTest, NoOneWayCallOvertakesALargeOne) {
  PendingCall& large = Sent(kOneWay, 3);
  PendingCall& behind = Add(kOneWay);
  EXPECT_EQ(calls_.Next(Queue::kOneWay, kMany), nullptr);
  Add();
  EXPECT_NE(calls_.Next(Queue::kOneFrame, kMany), nullptr);
  calls_.Remove(large);
  EXPECT_EQ(calls_.Next(Queue::kOneWay, kMany), &behind);
}

TEST_F(PendingCallsTest, ACallThatWaitsMayGiveUp) {
  PendingCall& first = Add();
  PendingCall& second = Add();
  PendingCall& third = Add();
  calls_.Remove(second);
  calls_.Remove(first);
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, kMany), &third);
}

TEST_F(PendingCallsTest, AllThatWaitCanBeTakenAndMayWaitAgain) {
  PendingCall& sent = Sent();
  PendingCall& one_way = Add(kOneWay);
  PendingCall& first = Add();
  PendingCall& second = Add();
  EXPECT_THAT(calls_.TakeWaiting(),
              UnorderedElementsAre(&first, &second, &one_way));
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, kMany), nullptr);
  EXPECT_EQ(calls_.Next(Queue::kOneWay, kMany), nullptr);
  EXPECT_EQ(calls_.Find(sent.id), &sent);
  calls_.Add(second);
  EXPECT_EQ(calls_.Next(Queue::kOneFrame, kMany), &second);
}

TEST_F(PendingCallsTest, CallsWithoutRoomAreTakenOnceAndInOrder) {
  PendingCall& first = Sent();
  PendingCall& second = Sent();
  PendingCall& third = Sent();
  for (PendingCall* call : {&first, &second, &third, &first}) {
    calls_.AwaitRoom(*call);
  }
  calls_.Remove(second);
  EXPECT_THAT(calls_.TakeRoomWaiters(), ElementsAre(&first, &third));
  EXPECT_THAT(calls_.TakeRoomWaiters(), IsEmpty());
  calls_.AwaitRoom(first);
  EXPECT_THAT(calls_.TakeRoomWaiters(), ElementsAre(&first));
}

}  // namespace
}  // namespace fdrpc
