#include "call/message_assembler.h"

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

class MessageAssemblerTest : public ::testing::Test {
 protected:
  void Limit(size_t bytes, size_t descriptors) {
    assembler_.emplace(
        MessageLimits{.bytes = bytes, .descriptors = descriptors});
  }
  void Append(std::string_view piece, int descriptors = 0, bool more = true) {
    assembler_->Append(piece, FilesWithNumbers(descriptors), false, more);
  }
  void AppendLast(std::string_view piece, int descriptors = 0) {
    Append(piece, descriptors, false);
  }
  absl::StatusCode code() const { return assembler_->status().code(); }

  ExpectSameDescriptors census_;
  std::optional<MessageAssembler> assembler_;
};

TEST_F(MessageAssemblerTest, HasNothingAtFirst) {
  Limit(10, 1);
  EXPECT_FALSE(assembler_->started());
  EXPECT_FALSE(assembler_->complete());
  EXPECT_TRUE(assembler_->status().ok());
}

TEST_F(MessageAssemblerTest, TakesAMessageOfOnePiece) {
  Limit(10, 3);
  AppendLast("message", 2);
  EXPECT_TRUE(assembler_->started());
  EXPECT_TRUE(assembler_->complete());
  ASSERT_TRUE(assembler_->status().ok());
  const ReceivedMessage message = assembler_->Take();
  EXPECT_EQ(message.bytes.ToString(), "message");
  EXPECT_EQ(message.descriptors.size(), 2u);
}

TEST_F(MessageAssemblerTest, TakesAnEmptyMessage) {
  Limit(0, 0);
  AppendLast("");
  EXPECT_TRUE(assembler_->complete());
  ASSERT_TRUE(assembler_->status().ok());
  EXPECT_EQ(assembler_->Take().bytes.ToString(), "");
}

TEST_F(MessageAssemblerTest, PutsPiecesAndTheirDescriptorsTogetherInOrder) {
  Limit(100, 10);
  Append("one ");
  EXPECT_TRUE(assembler_->started());
  EXPECT_FALSE(assembler_->complete());
  std::vector<UniqueFd> first, second;
  first.push_back(FileWith("a"));
  first.push_back(FileWith("b"));
  second.push_back(FileWith("c"));
  assembler_->Append("two ", std::move(first), false, true);
  Append("");
  assembler_->Append("three", std::move(second), false, false);
  ASSERT_TRUE(assembler_->complete());
  const ReceivedMessage message = assembler_->Take();
  EXPECT_EQ(message.bytes.ToString(), "one two three");
  ASSERT_EQ(message.descriptors.size(), 3u);
  EXPECT_EQ(ReadRest(message.descriptors[0].get()), "a");
  EXPECT_EQ(ReadRest(message.descriptors[1].get()), "b");
  EXPECT_EQ(ReadRest(message.descriptors[2].get()), "c");
}

TEST_F(MessageAssemblerTest, TakesExactlyAsManyBytesAsTheLimit) {
  for (const size_t first : {0u, 1u, 9u, 10u}) {
    Limit(10, 0);
    Append(std::string(first, 'x'));
    AppendLast(std::string(10 - first, 'x'));
    EXPECT_TRUE(assembler_->status().ok());
    EXPECT_EQ(assembler_->Take().bytes.size(), 10u);
  }
}

TEST_F(MessageAssemblerTest, RefusesOneByteMore) {
  for (const size_t first : {0u, 1u, 10u, 11u}) {
    Limit(10, 0);
    Append(std::string(first, 'x'));
    AppendLast(std::string(11 - first, 'x'));
    EXPECT_TRUE(assembler_->complete());
    EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(assembler_->status().message(), HasSubstr("10 bytes"));
  }
}

TEST_F(MessageAssemblerTest, TakesExactlyAsManyDescriptorsAsTheLimit) {
  for (const int first : {0, 1, 4, 5}) {
    Limit(10, 5);
    Append("", first);
    AppendLast("", 5 - first);
    EXPECT_TRUE(assembler_->status().ok());
    EXPECT_EQ(assembler_->Take().descriptors.size(), 5u);
  }
}

TEST_F(MessageAssemblerTest, RefusesOneDescriptorMoreAndClosesAll) {
  const DescriptorCensus before = TakeCensus();
  for (const int first : {0, 1, 5, 6}) {
    Limit(10, 5);
    Append("", first);
    AppendLast("", 6 - first);
    EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(assembler_->status().message(), HasSubstr("5 descriptors"));
    EXPECT_EQ(TakeCensus(), before) << "those of earlier pieces too";
  }
}

TEST_F(MessageAssemblerTest, RefusesDescriptorsWhereTheTypeHasNone) {
  const DescriptorCensus before = TakeCensus();
  Limit(10, 0);
  AppendLast("x", 1);
  EXPECT_EQ(code(), absl::StatusCode::kInternal);
  EXPECT_EQ(TakeCensus(), before);
}

TEST_F(MessageAssemblerTest, DropsWhatComesAfterAFailure) {
  const DescriptorCensus before = TakeCensus();
  Limit(10, 5);
  Append(std::string(11, 'x'), 2);
  const absl::Status status = assembler_->status();
  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(assembler_->complete()) << "the rest is on its way";
  for (int i = 0; i < 1000; ++i) Append("fits", 3);
  EXPECT_EQ(TakeCensus(), before);
  AppendLast("fits", 3);
  EXPECT_TRUE(assembler_->complete());
  EXPECT_EQ(assembler_->status(), status) << "the first reason stays";
  EXPECT_EQ(TakeCensus(), before);
}

TEST_F(MessageAssemblerTest, SaysThatDescriptorsCouldNotBeReceived) {
  const DescriptorCensus before = TakeCensus();
  Limit(10, 5);
  Append("one", 2);
  assembler_->Append("two", {}, true, false);
  EXPECT_TRUE(assembler_->complete());
  EXPECT_EQ(code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(assembler_->status().message(), HasSubstr("RLIMIT_NOFILE"));
  EXPECT_EQ(TakeCensus(), before);
}

TEST_F(MessageAssemblerTest, TakesTheNextMessageOnceItIsReset) {
  Limit(10, 2);
  for (const char* bytes : {"ten bytes.", "", "ten bytes!"}) {
    Append(bytes, 2);
    AppendLast("");
    ASSERT_TRUE(assembler_->status().ok()) << "the limits are of each message";
    const ReceivedMessage message = assembler_->Take();
    EXPECT_EQ(message.bytes.ToString(), bytes);
    EXPECT_EQ(message.descriptors.size(), 2u);
    assembler_->Reset();
    EXPECT_FALSE(assembler_->started());
    EXPECT_FALSE(assembler_->complete());
  }
}

TEST_F(MessageAssemblerTest, ForgetsAFailureWhenItIsReset) {
  Limit(10, 2);
  AppendLast("eleven bytes", 2);
  EXPECT_FALSE(assembler_->status().ok());
  assembler_->Reset();
  EXPECT_TRUE(assembler_->status().ok());
  AppendLast("message", 2);
  ASSERT_TRUE(assembler_->status().ok());
  EXPECT_EQ(assembler_->Take().bytes.ToString(), "message");
}

TEST_F(MessageAssemblerTest, DropsWhatHasArrivedWhenItIsReset) {
  const DescriptorCensus before = TakeCensus();
  Limit(10, 2);
  Append("half", 2);
  assembler_->Reset();
  EXPECT_EQ(TakeCensus(), before);
  AppendLast("message", 1);
  const ReceivedMessage message = assembler_->Take();
  EXPECT_EQ(message.bytes.ToString(), "message");
  EXPECT_EQ(message.descriptors.size(), 1u);
}

TEST_F(MessageAssemblerTest, ClosesDescriptorsOfAMessageThatNobodyTakes) {
  Limit(10, 5);
  Append("x", 3);
}

}  // namespace
}  // namespace fdrpc::testing
