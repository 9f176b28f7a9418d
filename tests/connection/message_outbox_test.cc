#include "connection/message_outbox.h"

#include <utility>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"

namespace fdrpc::testing {
namespace {

OutgoingFrames Frames(uint32_t count, size_t descriptors = 0) {
  OutgoingFrames frames;
  for (uint32_t i = 0; i < count; ++i) {
    frames.push_back(NewFrame(7, std::to_string(i),
                              NumberedFiles(i == 0 ? descriptors : 0)));
  }
  return frames;
}

class MessageOutboxTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
  MessageOutbox outbox_{{.bytes = 100, .descriptors = 2}};
};

TEST_F(MessageOutboxTest, HasRoomAndNothingToSendAtFirst) {
  EXPECT_TRUE(outbox_.has_room());
  EXPECT_FALSE(outbox_.can_send());
}

TEST_F(MessageOutboxTest, HoldsOneMessageUntilItIsSent) {
  outbox_.Put(Frames(3, 2), 50, 2);
  EXPECT_FALSE(outbox_.has_room());
  EXPECT_TRUE(outbox_.can_send());
  EXPECT_EQ(outbox_.bytes(), 50u);
  EXPECT_EQ(outbox_.descriptors(), 2u);
  const OutgoingFrames frames = outbox_.Take();
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(DescriptorsOf(frames[0]).size(), 2u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(frames[i].head.substr(kFrameHeaderBytes), std::to_string(i));
  }
  EXPECT_TRUE(outbox_.has_room());
  EXPECT_FALSE(outbox_.can_send());
}

TEST_F(MessageOutboxTest, AMessageThatTheCreditAllowsNeedNotWaitInIt) {
  EXPECT_TRUE(outbox_.SpendAtOnce(50, 2));
  EXPECT_FALSE(outbox_.SpendAtOnce(1, 1)) << "no credit for descriptors";
  EXPECT_TRUE(outbox_.SpendAtOnce(50, 0));
  EXPECT_FALSE(outbox_.SpendAtOnce(1, 0)) << "nor for anything";
  EXPECT_TRUE(outbox_.has_room());
  EXPECT_TRUE(outbox_.Grant({.bytes = 2 * kMessageCostBytes + 1}));
  EXPECT_TRUE(outbox_.SpendAtOnce(1, 0)) << "what was refused cost nothing";
}

TEST_F(MessageOutboxTest, AMessageWithoutCreditWaitsForAGrant) {
  outbox_.Put(Frames(1), 100, 0);
  EXPECT_EQ(outbox_.Take().size(), 1u);
  outbox_.Put(Frames(1), 0, 0);
  EXPECT_FALSE(outbox_.can_send());
  EXPECT_FALSE(outbox_.has_room());
  EXPECT_TRUE(outbox_.Grant({.bytes = kMessageCostBytes}));
  EXPECT_FALSE(outbox_.can_send()) << "that makes good what was overspent";
  EXPECT_TRUE(outbox_.Grant({.bytes = 1}));
  EXPECT_TRUE(outbox_.can_send());
}

TEST_F(MessageOutboxTest, OnlyAMessageWithDescriptorsWaitsForCreditOfThem) {
  outbox_.Put(Frames(1, 3), 0, 3);
  EXPECT_EQ(outbox_.Take().size(), 1u);
  outbox_.Put(Frames(1), 0, 0);
  EXPECT_TRUE(outbox_.can_send());
  EXPECT_EQ(outbox_.Take().size(), 1u);
  outbox_.Put(Frames(1, 1), 0, 1);
  EXPECT_FALSE(outbox_.can_send());
  EXPECT_TRUE(outbox_.Grant({.descriptors = 2}));
  EXPECT_TRUE(outbox_.can_send());
}

TEST_F(MessageOutboxTest, WhatIsDroppedCostsNothing) {
  outbox_.Put(Frames(2, 2), 1'000'000, 2);
  const OutgoingFrames dropped = outbox_.Drop();
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(DescriptorsOf(dropped[0]).size(), 2u) << "the caller's to close";
  EXPECT_TRUE(outbox_.has_room());
  EXPECT_FALSE(outbox_.can_send());
  outbox_.Put(Frames(1, 1), 1, 1);
  EXPECT_TRUE(outbox_.can_send());
}

TEST_F(MessageOutboxTest, DropsNothingWhereNothingIs) {
  EXPECT_TRUE(outbox_.Drop().empty());
}

TEST_F(MessageOutboxTest, RefusesAGrantThatMakesNoSense) {
  EXPECT_TRUE(outbox_.Grant({.bytes = kMaxCredit - 100}));
  EXPECT_FALSE(outbox_.Grant({.bytes = 1}));
}

TEST_F(MessageOutboxTest, BeginsAnewWithTheMessageThatWaits) {
  outbox_.Put(Frames(1), 1000, 0);
  EXPECT_EQ(outbox_.Take().size(), 1u);
  outbox_.Put(Frames(2), 5, 0);
  EXPECT_FALSE(outbox_.can_send());
  outbox_.ResetCredit({.bytes = 21});
  EXPECT_TRUE(outbox_.can_send());
  EXPECT_EQ(outbox_.Take().size(), 2u);
  outbox_.Put(Frames(1), 0, 0);
  EXPECT_FALSE(outbox_.can_send()) << "the former credit is gone";
}

TEST_F(MessageOutboxTest, ClosesTheDescriptorsOfAMessageThatNobodyTakes) {
  outbox_.Put(Frames(1, 2), 1, 2);
}

}  // namespace
}  // namespace fdrpc::testing
