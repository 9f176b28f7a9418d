#include "call/message_inbox.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr MessageLimits kLimits = {.bytes = 100'000, .descriptors = 20};
constexpr Credit kWindow = {.bytes = 65536, .descriptors = 16};

class MessageInboxTest : public ::testing::Test {
 protected:
  // A stream's inbox, or one of a single message.
  void Stream(Credit window = kWindow, MessageLimits limits = kLimits) {
    inbox_.emplace(limits, window);
  }
  void Single(MessageLimits limits = kLimits) {
    inbox_.emplace(limits, std::nullopt);
  }
  absl::Status Append(std::string_view piece, int descriptors = 0,
                      bool more = false, bool truncated = false) {
    return inbox_->Append(piece, FilesWithNumbers(descriptors), truncated,
                          more);
  }
  absl::Status AppendPart(std::string_view piece, int descriptors = 0) {
    return Append(piece, descriptors, true);
  }
  void ExpectViolation(const absl::Status& status, std::string_view what) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), HasSubstr(what));
  }
  // The bytes of the oldest message; its descriptors are closed.
  std::string TakeBytes() {
    ReceivedMessage message;
    inbox_->Take(message);
    return message.bytes.ToString();
  }
  Credit TakeForCredit() {
    ReceivedMessage message;
    return inbox_->Take(message);
  }
  absl::StatusCode code() const { return inbox_->status().code(); }

  ExpectSameDescriptors census_;
  std::optional<MessageInbox> inbox_;
};

TEST_F(MessageInboxTest, HasNothingAtFirst) {
  for (const bool stream : {false, true}) {
    stream ? Stream() : Single();
    EXPECT_FALSE(inbox_->has_message());
    EXPECT_FALSE(inbox_->partial());
    EXPECT_FALSE(inbox_->received_any());
    EXPECT_TRUE(inbox_->status().ok());
  }
}

TEST_F(MessageInboxTest, PutsTheMessageOfASingleOneTogether) {
  Single();
  ASSERT_TRUE(AppendPart("one ", 1).ok());
  EXPECT_TRUE(inbox_->partial());
  EXPECT_FALSE(inbox_->has_message());
  EXPECT_FALSE(inbox_->received_any());
  ASSERT_TRUE(Append("two", 2).ok());
  EXPECT_FALSE(inbox_->partial());
  EXPECT_TRUE(inbox_->has_message());
  EXPECT_TRUE(inbox_->received_any());
  ReceivedMessage message;
  EXPECT_TRUE(inbox_->Take(message).empty()) << "costs no credit";
  EXPECT_EQ(message.bytes.ToString(), "one two");
  EXPECT_EQ(message.descriptors.size(), 3u);
  EXPECT_FALSE(inbox_->has_message());
  EXPECT_TRUE(inbox_->received_any()) << "taken or not";
}

TEST_F(MessageInboxTest, TakesASingleMessageThatIsEmpty) {
  Single({});
  ASSERT_TRUE(Append("").ok());
  ASSERT_TRUE(inbox_->has_message());
  EXPECT_EQ(TakeBytes(), "");
}

TEST_F(MessageInboxTest, BoundsASingleMessageByItsSizeAlone) {
  Single();
  ASSERT_TRUE(Append(std::string(kLimits.bytes, 'x'), 20).ok());
  EXPECT_TRUE(inbox_->status().ok());
  EXPECT_EQ(TakeBytes().size(), kLimits.bytes);
}

TEST_F(MessageInboxTest, SaysThatASecondMessageIsOneTooMany) {
  for (const bool taken : {false, true}) {
    Single();
    ASSERT_TRUE(Append("first").ok());
    if (taken) {
      EXPECT_EQ(TakeBytes(), "first");
    }
    const DescriptorCensus before = TakeCensus();
    EXPECT_TRUE(AppendPart("sec", 3).ok()) << "not the connection's end";
    EXPECT_EQ(code(), absl::StatusCode::kInternal) << "as soon as it begins";
    EXPECT_THAT(inbox_->status().message(), HasSubstr("more than one message"));
    EXPECT_TRUE(Append("ond", 3).ok());
    EXPECT_EQ(TakeCensus(), before) << "its descriptors are closed";
    EXPECT_EQ(inbox_->has_message(), !taken) << "the first can be taken";
  }
}

TEST_F(MessageInboxTest, SaysWhyTheOnlyMessageIsImpossible) {
  Single({.bytes = 10});
  EXPECT_TRUE(Append("eleven bytes").ok()) << "not the connection's end";
  EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(inbox_->has_message());
  EXPECT_TRUE(inbox_->received_any());
  EXPECT_TRUE(Append("another").ok());
  EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted) << "the first reason";
  EXPECT_FALSE(inbox_->has_message());
}

TEST_F(MessageInboxTest, GivesAStreamsMessagesInOrder) {
  Stream();
  ASSERT_TRUE(Append("one").ok());
  ASSERT_TRUE(AppendPart("t").ok());
  ASSERT_TRUE(AppendPart("").ok());
  EXPECT_TRUE(inbox_->has_message()) << "the first";
  EXPECT_TRUE(inbox_->partial());
  ASSERT_TRUE(Append("wo").ok());
  ASSERT_TRUE(Append("").ok());
  ASSERT_TRUE(Append("four").ok());
  for (const char* expected : {"one", "two", "", "four"}) {
    ASSERT_TRUE(inbox_->has_message());
    EXPECT_EQ(TakeBytes(), expected);
  }
  EXPECT_FALSE(inbox_->has_message());
  EXPECT_TRUE(inbox_->status().ok());
}

TEST_F(MessageInboxTest, GivesEachMessageItsOwnDescriptors) {
  Stream();
  std::vector<UniqueFd> first, second;
  first.push_back(FileWith("a"));
  second.push_back(FileWith("b"));
  ASSERT_TRUE(inbox_->Append("1", std::move(first), false, true).ok());
  ASSERT_TRUE(inbox_->Append("1", std::move(second), false, false).ok());
  ASSERT_TRUE(Append("none").ok());
  ASSERT_TRUE(Append("3", 1).ok());
  ReceivedMessage message;
  inbox_->Take(message);
  ASSERT_EQ(message.descriptors.size(), 2u);
  EXPECT_EQ(ReadRest(message.descriptors[0].get()), "a");
  EXPECT_EQ(ReadRest(message.descriptors[1].get()), "b");
  inbox_->Take(message);
  EXPECT_EQ(message.bytes.ToString(), "none");
  EXPECT_EQ(message.descriptors.size(), 0u);
  inbox_->Take(message);
  ASSERT_EQ(message.descriptors.size(), 1u);
  EXPECT_EQ(ReadRest(message.descriptors[0].get()), "0");
}

TEST_F(MessageInboxTest, KeepsTheOrderHoweverAppendingAndTakingAlternate) {
  for (int pattern = 0; pattern < 1 << 12; ++pattern) {
    Stream();
    std::deque<std::string> expected;
    for (int bit = 0; bit < 12; ++bit) {
      if ((pattern >> bit & 1) == 0) {
        expected.push_back(std::to_string(bit));
        ASSERT_TRUE(Append(expected.back()).ok());
      } else if (!expected.empty()) {
        ASSERT_EQ(TakeBytes(), expected.front()) << pattern;
        expected.pop_front();
      }
      ASSERT_EQ(inbox_->has_message(), !expected.empty()) << pattern;
    }
    for (const std::string& bytes : expected) {
      ASSERT_EQ(TakeBytes(), bytes) << pattern;
    }
    ASSERT_FALSE(inbox_->has_message());
  }
}

TEST_F(MessageInboxTest, AMessageMayBeginWithAnyCreditAndThenGoesAsAWhole) {
  Stream({.bytes = 1});
  ASSERT_TRUE(AppendPart(std::string(1000, 'x')).ok());
  ASSERT_TRUE(AppendPart(std::string(1000, 'x')).ok());
  ASSERT_TRUE(Append(std::string(1000, 'x')).ok());
  EXPECT_EQ(TakeBytes().size(), 3000u);
}

TEST_F(MessageInboxTest, AMessageWithoutCreditBreaksTheProtocol) {
  Stream({.bytes = 40});
  ASSERT_TRUE(Append("").ok());
  ASSERT_TRUE(Append(std::string(7, 'x')).ok());
  ASSERT_TRUE(Append("").ok()) << "of 40, 16 and 23 are spent";
  ExpectViolation(Append("", 1), "beyond the call's credit");
  ExpectViolation(AppendPart(""), "beyond the call's credit");
}

TEST_F(MessageInboxTest, ExactlyAllOfTheCreditIsNoMoreThanIt) {
  Stream({.bytes = 32});
  ASSERT_TRUE(Append("").ok());
  ASSERT_TRUE(Append("").ok());
  ExpectViolation(Append(""), "beyond the call's credit");
}

TEST_F(MessageInboxTest, DescriptorsWithoutCreditBreakTheProtocol) {
  const DescriptorCensus before = TakeCensus();
  Stream({.bytes = 65536, .descriptors = 2});
  ASSERT_TRUE(Append("", 1).ok());
  ASSERT_TRUE(AppendPart("", 3).ok()) << "one is left: all of it may go";
  ASSERT_TRUE(Append("", 4).ok()) << "its later pieces too";
  ASSERT_TRUE(Append("none").ok()) << "messages without any need none";
  ASSERT_TRUE(AppendPart("none yet").ok());
  ExpectViolation(AppendPart("", 1), "credit for them");
  inbox_.reset();
  EXPECT_EQ(TakeCensus(), before);
}

TEST_F(MessageInboxTest, WhatIsTakenMayBeSentAgain) {
  Stream({.bytes = 32, .descriptors = 1});
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Append(std::string(50, 'x'), 3).ok()) << i;
    const Credit grant = TakeForCredit();
    EXPECT_EQ(grant.bytes, 50 + kMessageCostBytes);
    EXPECT_EQ(grant.descriptors, 3u);
  }
}

TEST_F(MessageInboxTest, GrantsInHalvesOfTheWindow) {
  Stream({.bytes = 1000, .descriptors = 8});
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Append(std::string(100 - kMessageCostBytes, 'x'), 1).ok());
  }
  for (int i = 1; i <= 5; ++i) {
    const Credit grant = TakeForCredit();
    EXPECT_EQ(grant.bytes, i == 5 ? 500u : 0u) << i;
    EXPECT_EQ(grant.descriptors, i == 4 ? 4u : 0u) << i;
  }
}

TEST_F(MessageInboxTest, WhatIsNotTakenIsNotGranted) {
  Stream({.bytes = 1000});
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Append(std::string(100 - kMessageCostBytes, 'x')).ok());
  }
  ExpectViolation(Append(""), "beyond the call's credit");
}

TEST_F(MessageInboxTest, MessagesBeforeAnImpossibleOneCanBeTaken) {
  const DescriptorCensus before = TakeCensus();
  Stream(kWindow, {.bytes = 10, .descriptors = 2});
  ASSERT_TRUE(Append("one").ok());
  ASSERT_TRUE(Append("two").ok());
  EXPECT_TRUE(AppendPart("eleven bytes", 1).ok());
  EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted) << "before its end";
  EXPECT_TRUE(Append("more", 1).ok());
  EXPECT_TRUE(Append("next", 1).ok()) << "those behind it are dropped";
  EXPECT_EQ(TakeCensus(), before);
  EXPECT_EQ(TakeBytes(), "one");
  EXPECT_EQ(TakeBytes(), "two");
  EXPECT_FALSE(inbox_->has_message());
  EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(inbox_->status().message(), HasSubstr("10 bytes"));
}

TEST_F(MessageInboxTest, ImpossibleMessagesCostCreditLikeOthers) {
  Stream({.bytes = 100}, {.bytes = 10});
  EXPECT_TRUE(Append("eleven bytes").ok());
  EXPECT_TRUE(Append(std::string(100, 'x')).ok());
  ExpectViolation(Append(""), "beyond the call's credit");
}

TEST_F(MessageInboxTest, SaysThatAStreamsTypeHasNoDescriptors) {
  const DescriptorCensus before = TakeCensus();
  Stream(kWindow, {.bytes = 10});
  EXPECT_TRUE(Append("", 1).ok());
  EXPECT_EQ(code(), absl::StatusCode::kInternal);
  EXPECT_EQ(TakeCensus(), before);
  EXPECT_FALSE(inbox_->has_message());
}

TEST_F(MessageInboxTest, SaysThatDescriptorsCouldNotBeReceived) {
  Stream();
  EXPECT_TRUE(AppendPart("", 1).ok());
  EXPECT_TRUE(Append("", 0, false, true).ok());
  EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(inbox_->status().message(), HasSubstr("RLIMIT_NOFILE"));
}

TEST_F(MessageInboxTest, ClosesDescriptorsOfMessagesThatNobodyTakes) {
  Stream();
  ASSERT_TRUE(Append("message", 3).ok());
  ASSERT_TRUE(Append("message", 3).ok());
  EXPECT_EQ(TakeBytes(), "message");
  ASSERT_TRUE(AppendPart("not complete", 3).ok());
}

}  // namespace
}  // namespace fdrpc::testing
