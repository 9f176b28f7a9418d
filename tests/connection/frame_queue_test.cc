#include "connection/frame_queue.h"

#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/sanitizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"
#include "transport/gathered_frames.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

class FrameQueueTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
  FrameQueue queue_;
};

TEST_F(FrameQueueTest, IsEmptyAtFirst) {
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(FrameQueueTest, HoldsAFrameAsItWasPushed) {
  OutgoingFrame frame = NewFrameWithBody(7, "body", NumberedFiles(2));
  frame.head += "sections";
  frame.tells_when_sent = true;
  const std::string head = frame.head;
  queue_.Push(std::move(frame));
  ASSERT_EQ(queue_.size(), 1u);
  const FrameQueue::QueuedFrame queued = queue_.at(0);
  EXPECT_EQ(queued.frame.head, head);
  EXPECT_EQ(queued.frame.bytes(), head.size() + 4);
  EXPECT_EQ(queued.frame.body()[0].bytes, "body");
  EXPECT_EQ(queued.frame.descriptors().size(), 2u);
  EXPECT_EQ(queued.call_id, 7u);
  EXPECT_TRUE(queued.tells_when_sent);

  const OutgoingFrame taken = queue_.Take(0);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(taken.head, head);
  EXPECT_EQ(taken.attached->body[0].bytes, "body");
  EXPECT_EQ(DescriptorsOf(taken).size(), 2u);
  EXPECT_EQ(taken.call_id, 7u);
  EXPECT_TRUE(taken.tells_when_sent);
}

TEST_F(FrameQueueTest, ReturnsWhatIsAttachedToTheFirst) {
  queue_.Push(NewFrame(1));
  queue_.Push(NewFrame(2, "", NumberedFiles(3)));
  EXPECT_EQ(queue_.Pop(), nullptr);
  const std::unique_ptr<FrameAttachment> attached = queue_.Pop();
  ASSERT_NE(attached, nullptr);
  EXPECT_EQ(attached->descriptors.size(), 3u);
  EXPECT_TRUE(queue_.empty());
}

TEST_F(FrameQueueTest, CopiesAFrameThatStaysAsItIs) {
  OutgoingFrame frame = NewFrame(7, "payload");
  frame.tells_when_sent = true;
  queue_.PushCopy(frame);
  const std::string head = std::exchange(frame.head, "changed");
  EXPECT_EQ(queue_.at(0).frame.head, head);
  EXPECT_EQ(queue_.at(0).frame.attached, nullptr);
  EXPECT_EQ(queue_.at(0).call_id, 7u);
  EXPECT_TRUE(queue_.at(0).tells_when_sent);
  EXPECT_EQ(queue_.Take(0).head, head);
}

TEST_F(FrameQueueTest, AttachesToWhatMayBeBeyondAPacket) {
  const size_t most = kMostBareBytes - kFrameHeaderBytes;
  queue_.Push(NewFrame(1, std::string(most, 'x')));
  queue_.Push(NewFrame(2, std::string(most + 1, 'x')));
  EXPECT_EQ(queue_.at(0).frame.attached, nullptr);
  EXPECT_NE(queue_.at(1).frame.attached, nullptr);
}

TEST_F(FrameQueueTest, SmallFramesAreFewPieces) {
  constexpr size_t kCount = 200;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < kCount; ++i) {
      queue_.Push(NewFrame(i + 1, std::string(64, 'x')));
    }
    GatheredFrames gathered;
    for (size_t i = 0; i < kCount; ++i) gathered.Add(queue_.at(i).frame);
    EXPECT_EQ(gathered.bytes(), kCount * 80);
    // Once the queue knows how many there are, nearly all are in one piece.
    EXPECT_LE(gathered.pieces().size(), round == 0 ? 8u : 2u);
    while (!queue_.empty()) queue_.Pop();
    if (round == 1) queue_.Release();
  }
}

TEST_F(FrameQueueTest, TakesFramesFromAnywhere) {
  for (uint32_t i = 0; i < 10; ++i) {
    queue_.Push(NewFrame(i, std::to_string(i)));
  }
  for (size_t index : {9, 4, 0}) {
    const OutgoingFrame taken = queue_.Take(index);
    EXPECT_EQ(taken.call_id, index);
    EXPECT_EQ(taken.head.substr(kFrameHeaderBytes), std::to_string(index));
  }
  for (uint32_t left : {1, 2, 3, 5, 6, 7, 8}) {
    EXPECT_EQ(queue_.at(0).call_id, left);
    EXPECT_EQ(queue_.at(0).frame.head.substr(kFrameHeaderBytes),
              std::to_string(left));
    queue_.Pop();
  }
  EXPECT_TRUE(queue_.empty());
}

// The calls of the frames in line.
std::vector<uint32_t> LineOf(const FrameQueue& queue) {
  std::vector<uint32_t> calls;
  for (size_t i = 0; i < queue.in_line(); ++i) {
    calls.push_back(queue.at(i).call_id);
  }
  return calls;
}

TEST_F(FrameQueueTest, OneFrameOfLargeMessagesIsInLine) {
  const std::string large(100'000, 'x');
  for (uint32_t call : {1, 1, 1, 2, 2}) {
    queue_.Push(NewFrameWithBody(call, large), /*of_large=*/true);
  }
  EXPECT_THAT(LineOf(queue_), ElementsAre(1));
  EXPECT_EQ(queue_.size(), 5u);
  EXPECT_EQ(queue_.at(4).call_id, 2u);
  EXPECT_TRUE(queue_.at(4).of_large);
  queue_.Push(NewFrame(3));
  EXPECT_THAT(LineOf(queue_), ElementsAre(1, 3));
  queue_.Pop();
  EXPECT_THAT(LineOf(queue_), ElementsAre(3, 1)) << "the next has its turn";
  queue_.Push(NewFrame(4));
  queue_.Pop();
  EXPECT_THAT(LineOf(queue_), ElementsAre(1, 4)) << "at most one";
  queue_.Pop();
  EXPECT_THAT(LineOf(queue_), ElementsAre(4, 1));
  queue_.Push(NewFrame(2));
  EXPECT_THAT(LineOf(queue_), ElementsAre(4, 1)) << "behind its call's frames";
  EXPECT_EQ(queue_.Take(4).call_id, 2u);
  EXPECT_EQ(queue_.Take(3).call_id, 2u);
  EXPECT_EQ(queue_.Take(1).call_id, 1u);
  EXPECT_THAT(LineOf(queue_), ElementsAre(4, 2));
  queue_.Pop();
  queue_.Pop();
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.size(), 0u);
}

TEST_F(FrameQueueTest, KeepsTheOrderOfEachCallHoweverFramesComeAndGo) {
  struct Call {
    int pushed = 0;
    std::deque<int> queued;
  };
  std::vector<Call> calls(6);
  std::minstd_rand random(1);
  const auto push = [&](uint32_t call, bool of_large) {
    const int number = calls[call].pushed++;
    calls[call].queued.push_back(number);
    OutgoingFrame frame = of_large && random() % 2 == 0
                              ? NewFrameWithBody(call, std::string(70'000, 'x'))
                              : NewFrame(call, std::to_string(number));
    frame.tells_when_sent = number % 2 == 1;
    queue_.Push(std::move(frame), of_large);
  };
  constexpr int kSteps = kThreadSanitizer ? 4'000 : 20'000;
  for (int step = 0; step < kSteps; ++step) {
    const uint32_t call = random() % calls.size();
    const bool grows = random() % 100 < (step / 1000 % 2 == 0 ? 30 : 10);
    if (grows || queue_.empty()) {
      // The first three calls have large messages, too.
      const bool of_large = call < 3 && random() % 2 == 0;
      for (int i = of_large ? 3 : 1; i > 0; --i) push(call, of_large);
      continue;
    }
    size_t index = 0;
    if (random() % 10 == 0) {
      // The first queued frame of some call.
      const auto is = [&](size_t i) { return queue_.at(i).call_id == call; };
      while (index < queue_.size() && !is(index)) ++index;
      if (index == queue_.size()) continue;
    }
    const FrameQueue::QueuedFrame next = queue_.at(index);
    std::deque<int>& queued = calls[next.call_id].queued;
    ASSERT_FALSE(queued.empty());
    ASSERT_EQ(next.tells_when_sent, queued.front() % 2 == 1);
    queued.pop_front();
    if (index == 0) {
      queue_.Pop();
    } else {
      queue_.Take(index);
    }
    size_t expected = 0;
    for (const Call& each : calls) expected += each.queued.size();
    ASSERT_EQ(queue_.size(), expected);
    ASSERT_EQ(queue_.empty(), expected == 0);
  }
}

// Compared with a queue that is only a list.
TEST_F(FrameQueueTest, KeepsFramesWhereTheyAreHoweverTheyComeAndGo) {
  struct Expected {
    uint32_t call_id;
    std::string head;
    const char* where;
  };
  std::deque<Expected> expected;
  std::minstd_rand random(1);
  uint32_t next = 1;
  for (int step = 0; step < 20'000; ++step) {
    // Grows and shrinks in turns.
    const bool grows = random() % 100 < (step / 1000 % 2 == 0 ? 60 : 40);
    if (grows || expected.empty()) {
      const size_t bytes = random() % 20 == 0 ? random() % 5000 : random() % 90;
      OutgoingFrame frame = NewFrame(
          next++, std::string(bytes, static_cast<char>('a' + random() % 26)));
      std::string head = frame.head;
      const uint32_t call_id = frame.call_id;
      queue_.Push(std::move(frame));
      expected.push_back({call_id, std::move(head),
                          queue_.at(queue_.size() - 1).frame.head.data()});
    } else if (random() % 10 == 0) {
      const size_t index = random() % expected.size();
      EXPECT_EQ(queue_.Take(index).head, expected[index].head);
      expected.erase(expected.begin() + static_cast<ptrdiff_t>(index));
    } else {
      queue_.Pop();
      expected.pop_front();
    }
    ASSERT_EQ(queue_.size(), expected.size());
    for (size_t i = 0; i < expected.size() && i < 20; ++i) {
      const FrameQueue::QueuedFrame queued = queue_.at(i);
      ASSERT_EQ(queued.call_id, expected[i].call_id);
      ASSERT_EQ(queued.frame.head, expected[i].head);
      ASSERT_EQ(queued.frame.head.data(), expected[i].where);
    }
  }
}

}  // namespace
}  // namespace fdrpc::testing
