#include "connection/queue_room.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "tests/connection/built_frames.h"
#include "tests/transport/frames.h"

namespace fdrpc::testing {
namespace {

constexpr size_t kQueueLimit = 64u << 10;

// A queue, what is in it counted.
class QueueRoomTest : public ::testing::Test {
 protected:
  void Push(OutgoingFrame frame, bool of_large = false) {
    room_.Count(frame, of_large);
    queue_.Push(std::move(frame), of_large);
  }
  void Pop() {
    room_.Discount(queue_.at(0));
    queue_.Pop();
  }
  // The last frame of a large message.
  void PushLarge() { Push(NewFrame(1, std::string(kQueueLimit, 'x')), true); }

  FrameQueue queue_;
  QueueRoom room_{{.bytes = 1, .descriptors = 2}};
};

TEST_F(QueueRoomTest, CountsWhatIsQueuedToNothingAgain) {
  Push(NewFrame(1, "x"));
  EXPECT_EQ(room_.bytes(), 64u) << "the least";
  Push(NewFrame(2, std::string(1000, 'x'), NumberedFiles(3)));
  EXPECT_EQ(room_.bytes(), 64u + kFrameHeaderBytes + 1000);
  EXPECT_EQ(room_.descriptors(), 3u);
  Push(NewFrame(0, "", {}, Type(FrameType::kPong)));
  Push(NewFrame(0, "", {}, Type(FrameType::kPing)));
  EXPECT_EQ(room_.pongs(), 1u);
  while (!queue_.empty()) Pop();
  EXPECT_EQ(room_.bytes(), 0u);
  EXPECT_EQ(room_.descriptors(), 0u);
  EXPECT_EQ(room_.pongs(), 0u);
}

TEST_F(QueueRoomTest, HasRoomUntilALimitIsExceeded) {
  Push(NewFrame(1, std::string(kQueueLimit - kFrameHeaderBytes, 'x')));
  EXPECT_TRUE(room_.Within(QueueRoom::Size::kAny, 1)) << "the least limit";
  EXPECT_FALSE(room_.Within(QueueRoom::Size::kAny, 2));
  Push(NewFrame(1));
  EXPECT_FALSE(room_.Within(QueueRoom::Size::kOneFrame, 1));
  Pop();
  EXPECT_TRUE(room_.Within(QueueRoom::Size::kAny, 2));
  Push(NewFrame(1, "", NumberedFiles(2)));
  EXPECT_TRUE(room_.Within(QueueRoom::Size::kAny, 1));
  EXPECT_FALSE(room_.Within(QueueRoom::Size::kAny, 2));
  Push(NewFrame(1, "", NumberedFiles(1)));
  EXPECT_FALSE(room_.Within(QueueRoom::Size::kAny, 1));
}

TEST_F(QueueRoomTest, LargeMessagesKeepOutOthersLikeThemAlone) {
  for (size_t i = 0; i < QueueRoom::kMostLargeMessages; ++i) {
    EXPECT_TRUE(room_.Within(QueueRoom::Size::kAny, 1)) << i;
    PushLarge();
    EXPECT_TRUE(room_.Within(QueueRoom::Size::kOneFrame, 2)) << i;
  }
  EXPECT_FALSE(room_.Within(QueueRoom::Size::kAny, 1));
  Pop();
  EXPECT_TRUE(room_.Within(QueueRoom::Size::kAny, 1));
}

TEST_F(QueueRoomTest, ReportsOnceThatHalfIsFree) {
  EXPECT_FALSE(room_.TakeWanted()) << "nobody has asked";
  Push(NewFrame(1, std::string(kQueueLimit, 'x')));
  Push(NewFrame(1));
  room_.Want(QueueRoom::Size::kOneFrame);
  EXPECT_FALSE(room_.TakeWanted());
  Pop();
  EXPECT_TRUE(room_.TakeWanted());
  EXPECT_FALSE(room_.TakeWanted());
}

TEST(SharedQueueRoomTest, CountsForTheSharedLimitUntilItGoes) {
  UnreceivedDescriptors together(4);
  {
    QueueRoom room(
        {.bytes = kQueueLimit, .descriptors = 100, .together = &together});
    QueueRoom other(
        {.bytes = kQueueLimit, .descriptors = 100, .together = &together});
    room.Count(NewFrame(1, "", NumberedFiles(5)));
    EXPECT_EQ(together.queued.held(), 5u);
    EXPECT_FALSE(room.Within(QueueRoom::Size::kAny, 1));
    EXPECT_TRUE(other.Within(QueueRoom::Size::kAny, 1)) << "it has none";
    other.Count(NewFrame(1, "", NumberedFiles(1)));
    EXPECT_FALSE(other.Within(QueueRoom::Size::kAny, 1));
  }
  EXPECT_EQ(together.queued.held(), 0u);
}

}  // namespace
}  // namespace fdrpc::testing
