#include "call/credit.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace fdrpc {
namespace {

constexpr size_t kOneByte = 1 + kMessageCostBytes;  // of a message of one byte

TEST(CreditTest, IsEmptyWithNothingOfEither) {
  EXPECT_TRUE(Credit().empty());
  EXPECT_FALSE((Credit{.bytes = 1}).empty());
  EXPECT_FALSE((Credit{.descriptors = 1}).empty());
}

TEST(SendCreditTest, AllowsAMessageAsLongAsAnythingIsLeft) {
  SendCredit credit({.bytes = kOneByte + 1});
  EXPECT_TRUE(credit.Allows(0));
  credit.Spend(1, 0);
  EXPECT_TRUE(credit.Allows(0)) << "a byte is left";
  credit.Spend(1'000'000, 0);
  EXPECT_FALSE(credit.Allows(0));
}

TEST(SendCreditTest, AllowsNoneOnceExactlyAllIsSpent) {
  SendCredit credit({.bytes = 3 * kOneByte});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(credit.Allows(0));
    credit.Spend(1, 0);
  }
  EXPECT_FALSE(credit.Allows(0));
}

TEST(SendCreditTest, EmptyMessagesCostToo) {
  SendCredit credit({.bytes = 2 * kMessageCostBytes});
  credit.Spend(0, 0);
  EXPECT_TRUE(credit.Allows(0));
  credit.Spend(0, 0);
  EXPECT_FALSE(credit.Allows(0));
}

TEST(SendCreditTest, AllowsDescriptorsAsLongAsAnyAreLeft) {
  SendCredit credit({.bytes = 1000, .descriptors = 3});
  EXPECT_TRUE(credit.Allows(100)) << "all of the message may go";
  credit.Spend(0, 2);
  EXPECT_TRUE(credit.Allows(100));
  credit.Spend(0, 100);
  EXPECT_FALSE(credit.Allows(1));
  EXPECT_TRUE(credit.Allows(0)) << "messages without any need none";
}

TEST(SendCreditTest, AllowsDescriptorsOnlyWithBytesLeft) {
  SendCredit credit({.bytes = 1, .descriptors = 100});
  credit.Spend(1, 0);
  EXPECT_FALSE(credit.Allows(1));
}

TEST(SendCreditTest, AllowsNothingWithoutAny) {
  EXPECT_FALSE(SendCredit({}).Allows(0));
  EXPECT_FALSE(SendCredit({.descriptors = 1}).Allows(1));
  EXPECT_TRUE(SendCredit({.bytes = 1}).Allows(0));
  EXPECT_FALSE(SendCredit({.bytes = 1}).Allows(1));
}

TEST(SendCreditTest, AGrantHasToMakeGoodWhatWasOverspent) {
  SendCredit credit({.bytes = 1, .descriptors = 1});
  credit.Spend(100, 10);
  EXPECT_TRUE(credit.Grant({.bytes = 99 + kMessageCostBytes}));
  EXPECT_FALSE(credit.Allows(0));
  EXPECT_TRUE(credit.Grant({.bytes = 1}));
  EXPECT_TRUE(credit.Allows(0));
  EXPECT_FALSE(credit.Allows(1));
  EXPECT_TRUE(credit.Grant({.descriptors = 9}));
  EXPECT_FALSE(credit.Allows(1));
  EXPECT_TRUE(credit.Grant({.descriptors = 1}));
  EXPECT_TRUE(credit.Allows(1));
}

TEST(SendCreditTest, CountsTheLargestMessagesAndGrants) {
  constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
  SendCredit credit({.bytes = 1});
  for (int i = 0; i < 10; ++i) credit.Spend(kMost, 0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(credit.Allows(0));
    EXPECT_TRUE(credit.Grant({.bytes = kMost}));
  }
  EXPECT_TRUE(credit.Grant({.bytes = 10 * kMessageCostBytes - 1}));
  EXPECT_FALSE(credit.Allows(0));
  EXPECT_TRUE(credit.Grant({.bytes = 1}));
  EXPECT_TRUE(credit.Allows(0));
}

TEST(SendCreditTest, RefusesABalanceThatMakesNoSense) {
  EXPECT_TRUE(SendCredit({}).Grant({.bytes = kMaxCredit}));
  EXPECT_TRUE(SendCredit({}).Grant({.descriptors = kMaxCredit}));
  EXPECT_FALSE(SendCredit({.bytes = 1}).Grant({.bytes = kMaxCredit}));
  EXPECT_FALSE(
      SendCredit({.descriptors = 1}).Grant({.descriptors = kMaxCredit}));
  EXPECT_FALSE(SendCredit({}).Grant({.bytes = 0xffffffff}));
  EXPECT_FALSE(SendCredit({}).Grant({.descriptors = 0xffffffff}));
  SendCredit spent({.bytes = kMaxCredit});
  spent.Spend(0, 0);
  EXPECT_TRUE(spent.Grant({.bytes = kMessageCostBytes}))
      << "the balance counts, not the sum of what was granted";
  EXPECT_FALSE(spent.Grant({.bytes = 1}));
}

TEST(ReceiveCreditTest, AllowsAMessageAsLongAsAnythingIsLeft) {
  ReceiveCredit credit({.bytes = kOneByte + 1});
  EXPECT_TRUE(credit.AllowsMessage());
  credit.MessageBegins();
  credit.Arrived(1, 0);
  EXPECT_TRUE(credit.AllowsMessage());
  credit.MessageBegins();
  EXPECT_FALSE(credit.AllowsMessage()) << "beginning alone costs";
  credit.Arrived(1'000'000, 0);
  EXPECT_FALSE(credit.AllowsMessage());
}

TEST(ReceiveCreditTest, AllowsDescriptorsAsLongAsAnyAreLeft) {
  ReceiveCredit credit({.bytes = 1000, .descriptors = 2});
  credit.Arrived(0, 1);
  EXPECT_TRUE(credit.AllowsDescriptors());
  credit.Arrived(0, 100);
  EXPECT_FALSE(credit.AllowsDescriptors());
  EXPECT_TRUE(credit.AllowsMessage());
}

TEST(ReceiveCreditTest, GrantsAgainOnceHalfTheWindowIsConsumed) {
  ReceiveCredit credit({.bytes = 1000});
  credit.MessageBegins();
  credit.Arrived(499 - kMessageCostBytes, 0);
  EXPECT_TRUE(credit.Consumed(499 - kMessageCostBytes, 0).empty());
  credit.MessageBegins();
  EXPECT_EQ(credit.Consumed(0, 0), (Credit{.bytes = 499 + kMessageCostBytes}));
  EXPECT_TRUE(credit.Consumed(0, 0).empty()) << "begins to count anew";
}

TEST(ReceiveCreditTest, GrantsExactlyWhatAMessageOfHalfTheWindowCost) {
  ReceiveCredit credit({.bytes = 1000});
  EXPECT_EQ(credit.Consumed(500 - kMessageCostBytes, 0),
            (Credit{.bytes = 500}));
}

TEST(ReceiveCreditTest, GrantsAMessageLargerThanTheWindowAsAWhole) {
  ReceiveCredit credit({.bytes = 1000, .descriptors = 16});
  credit.MessageBegins();
  credit.Arrived(5'000'000, 300);
  EXPECT_FALSE(credit.AllowsMessage());
  EXPECT_FALSE(credit.AllowsDescriptors());
  EXPECT_EQ(
      credit.Consumed(5'000'000, 300),
      (Credit{.bytes = 5'000'000 + kMessageCostBytes, .descriptors = 300}));
  EXPECT_TRUE(credit.AllowsMessage());
  EXPECT_TRUE(credit.AllowsDescriptors());
}

TEST(ReceiveCreditTest, GrantsDescriptorsApartFromBytes) {
  ReceiveCredit credit({.bytes = 1'000'000, .descriptors = 16});
  EXPECT_TRUE(credit.Consumed(0, 7).empty());
  EXPECT_EQ(credit.Consumed(0, 1), (Credit{.descriptors = 8}));
  EXPECT_TRUE(credit.Consumed(0, 7).empty());
  EXPECT_EQ(credit.Consumed(600'000, 0),
            (Credit{.bytes = 600'000 + 4 * kMessageCostBytes}));
}

TEST(ReceiveCreditTest, GrantsOfAWindowOfOneWhateverIsTaken) {
  ReceiveCredit credit({.bytes = 1, .descriptors = 1});
  EXPECT_EQ(credit.Consumed(5, 0), (Credit{.bytes = 5 + kMessageCostBytes}));
  EXPECT_EQ(credit.Consumed(5, 1),
            (Credit{.bytes = 5 + kMessageCostBytes, .descriptors = 1}));
}

// Both sides, with messages and grants in flight.
TEST(CreditTest, ASenderWhoKeepsToItsCreditNeverBreaksTheReceivers) {
  constexpr Credit kWindow = {.bytes = 65536, .descriptors = 16};
  struct Message {
    size_t bytes, descriptors;
  };
  SendCredit sender(kWindow);
  ReceiveCredit receiver(kWindow);
  std::vector<Message> unread;
  size_t next_unread = 0;
  size_t sent = 0;
  uint32_t random = 1;
  const auto next_random = [&](uint32_t below) {
    random = random * 1664525 + 1013904223;
    return (random >> 8) % below;
  };
  for (int step = 0; step < 100'000; ++step) {
    const Message message = {next_random(2) * next_random(100'000),
                             next_random(2) * next_random(40)};
    if (sender.Allows(message.descriptors)) {
      sender.Spend(message.bytes, message.descriptors);
      ASSERT_TRUE(receiver.AllowsMessage());
      receiver.MessageBegins();
      if (message.descriptors > 0) {
        ASSERT_TRUE(receiver.AllowsDescriptors());
      }
      receiver.Arrived(message.bytes, message.descriptors);
      unread.push_back(message);
      ++sent;
    } else {
      ASSERT_LT(next_unread, unread.size())
          << "the reader has taken everything, and the sender may not send";
    }
    if (next_random(3) > 0 || next_unread == unread.size()) continue;
    const Message taken = unread[next_unread++];
    ASSERT_TRUE(
        sender.Grant(receiver.Consumed(taken.bytes, taken.descriptors)));
  }
  EXPECT_GT(sent, 1000u);
}

}  // namespace
}  // namespace fdrpc
