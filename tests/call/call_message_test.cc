#include "fdrpc/internal/call_message.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/sanitizers.h"
#include "fdrpc/internal/kept_messages.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

constexpr size_t kLarge = 1u << 20;

// Receives a large request and drops it; returns where its bytes were.
template <typename T>
const void* Receive(size_t bytes, const std::string& text = "") {
  internal::CallMessage<T> request;
  request.ExpectLarge();
  EXPECT_EQ(internal::PlainMessage(*request).ByteSizeLong(), 0u);
  std::string* content = internal::PlainMessage(*request).mutable_text();
  content->assign(bytes, 'x');
  content->append(text);
  return content->data();
}

class KeptMessagesTest : public ::testing::Test {
 protected:
  KeptMessagesTest() {
    DropAll();
    // The first messages of a type are not kept.
    for (int i = 0; i < 2; ++i) {
      Receive<Text>(kLarge);
      Receive<Parcel<Files>>(kLarge);
    }
    DropAll();
  }
  ~KeptMessagesTest() override { DropAll(); }
  void SetUp() override {
    if (kAddressSanitizer) GTEST_SKIP() << "nothing is kept there";
  }
  static void DropAll() {
    for (int i = 0; i < 2; ++i) internal::KeptMessages::DropUnused();
  }
  ExpectSameDescriptors census_;
};

TEST_F(KeptMessagesTest, ALargeRequestHasTheMemoryOfTheOneBefore) {
  const void* first = Receive<Text>(kLarge);
  EXPECT_TRUE(internal::KeptMessages::Any());
  EXPECT_EQ(Receive<Text>(kLarge), first);
}

TEST_F(KeptMessagesTest, AParcelsMessageDoesToo) {
  const void* first = Receive<Parcel<Files>>(kLarge);
  EXPECT_EQ(Receive<Parcel<Files>>(kLarge), first);
}

TEST_F(KeptMessagesTest, AParcelsDescriptorsAreClosedAtOnce) {
  internal::CallMessage<Parcel<Files>> request;
  request.ExpectLarge();
  (*request)->set_text(std::string(kLarge, 'x'));
  (*request).set_first(FileWith("content"));
  request.LetGo();
  EXPECT_EQ((*request).descriptors().size(), 0u);
  internal::CallMessage<Parcel<Files>> next;
  next.ExpectLarge();
  EXPECT_FALSE((*next)->has_first());
  EXPECT_EQ((*next).descriptors().size(), 0u);
}

TEST_F(KeptMessagesTest, AReplyLeavesItsMemoryOnceItHasBeenSent) {
  internal::CallMessage<Text> reply;
  (*reply).set_text(std::string(kLarge, 'x'));
  const char* const data = (*reply).text().data();
  (void)(*reply).ByteSizeLong();
  auto shared = reply.Share();
  EXPECT_EQ(static_cast<const Text&>(*shared).text().data(), data);
  EXPECT_FALSE(internal::KeptMessages::Any());
  shared.reset();
  EXPECT_TRUE(internal::KeptMessages::Any());
  internal::CallMessage<Text> next;
  next.UseKept();
  EXPECT_EQ((*next).ByteSizeLong(), 0u);
  (*next).mutable_text()->assign(kLarge, 'y');
  EXPECT_EQ((*next).text().data(), data);
}

TEST_F(KeptMessagesTest, NothingOfAMessageIsSeenInTheNext) {
  Text with_unknown_fields;
  Files other;
  other.set_text(std::string(kLarge, 's'));
  ASSERT_TRUE(with_unknown_fields.ParseFromString(other.SerializeAsString()));
  {
    internal::CallMessage<Text> request;
    request.ExpectLarge();
    *request = with_unknown_fields;
    (*request).set_text("secret");
    (*request).set_data(std::string(kLarge, 's'));
    (*request).set_number(7);
  }
  ASSERT_TRUE(internal::KeptMessages::Any());
  internal::CallMessage<Text> next;
  next.UseKept();
  EXPECT_EQ((*next).SerializeAsString(), "");
  EXPECT_EQ((*next).text(), "");
  EXPECT_EQ((*next).data(), "");
  EXPECT_EQ((*next).number(), 0);
  EXPECT_GE((*next).SpaceUsedLong(), kLarge) << "not that of a kept one";
}

TEST_F(KeptMessagesTest, SmallRequestsNeitherTakeNorLeaveAny) {
  for (int i = 0; i < 4; ++i) {
    internal::CallMessage<Text> request;
    (*request).set_text("small");
  }
  EXPECT_FALSE(internal::KeptMessages::Any());
}

TEST_F(KeptMessagesTest, RepliesThatAreSmallForLongFreeIt) {
  Receive<Text>(kLarge);
  int uses = 0;
  for (; internal::KeptMessages::Any(); ++uses) {
    ASSERT_LT(uses, 100);
    internal::CallMessage<Text> reply;
    reply.UseKept();
    (*reply).set_text("small");
  }
  EXPECT_GT(uses, 10) << "small ones among large ones do no harm";
}

TEST_F(KeptMessagesTest, WhatIsNotUsedIsFreed) {
  Receive<Text>(kLarge);
  internal::KeptMessages::DropUnused();
  EXPECT_TRUE(internal::KeptMessages::Any());
  Receive<Text>(kLarge);
  internal::KeptMessages::DropUnused();
  EXPECT_TRUE(internal::KeptMessages::Any()) << "it has been used since";
  internal::KeptMessages::DropUnused();
  EXPECT_FALSE(internal::KeptMessages::Any());
}

// How many of so many messages of that size are kept.
int KeptOf(int count, size_t bytes) {
  {
    std::vector<std::unique_ptr<internal::CallMessage<Text>>> requests;
    for (int i = 0; i < count; ++i) {
      auto& request = *requests.emplace_back(
          std::make_unique<internal::CallMessage<Text>>());
      request.ExpectLarge();
      (*request).set_text(std::string(bytes, 'x'));
    }
  }
  std::vector<std::unique_ptr<internal::CallMessage<Text>>> replies;
  int kept = 0;
  for (; internal::KeptMessages::Any(); ++kept) {
    replies.push_back(std::make_unique<internal::CallMessage<Text>>());
    replies.back()->UseKept();
    EXPECT_GE((**replies.back()).SpaceUsedLong(), bytes);
  }
  return kept;
}

TEST_F(KeptMessagesTest, AreAtMostAFewOfAType) {
  EXPECT_EQ(KeptOf(12, kLarge), 8);
}

TEST_F(KeptMessagesTest, HaveAtMost64MiB) {
  EXPECT_EQ(KeptOf(5, 20u << 20), 3);
  DropAll();
  EXPECT_EQ(KeptOf(1, 65u << 20), 0);
}

TEST_F(KeptMessagesTest, CountThoseThatCallsHaveTaken) {
  std::vector<std::unique_ptr<internal::CallMessage<Text>>> waiting;
  for (int i = 0; i < 5; ++i) {
    Receive<Text>(20u << 20);
    waiting.push_back(std::make_unique<internal::CallMessage<Text>>());
    waiting.back()->UseKept();
    const size_t memory = (**waiting.back()).SpaceUsedLong();
    EXPECT_EQ(memory >= 20u << 20, i < 3) << memory;
  }
  waiting.clear();
  EXPECT_TRUE(internal::KeptMessages::Any());
}

TEST_F(KeptMessagesTest, AreUsedByOneCallAtATime) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([thread] {
      const std::string own(internal::KeptMessages::kLeastBytes,
                            static_cast<char>('a' + thread));
      for (int i = 0; i < 200; ++i) {
        internal::CallMessage<Text> message;
        if (i % 2 == 0)
          message.ExpectLarge();
        else
          message.UseKept();
        EXPECT_EQ((*message).text(), "");
        (*message).set_text(own);
        std::this_thread::yield();
        EXPECT_EQ((*message).text(), own);
        if (i % 50 == 0) internal::KeptMessages::DropUnused();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace fdrpc::testing
