// How the frames of large messages take turns with those of other calls.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "connection/connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/connection/connection_fixture.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

// What a test checks of a frame: its call, and its index within the call.
using Frame = std::pair<uint32_t, int>;
using Sequence = std::vector<Frame>;

class FrameTurnsTest : public ConnectionFixture {
 protected:
  using Size = Connection::Size;
  static constexpr size_t kPieceBytes = 100'000;

  void SetUp() override { Handshake(); }

  // The frames of a large message; the first may have descriptors.
  static OutgoingFrames LargeMessage(uint32_t call_id, int pieces,
                                     FrameType first = FrameType::kMessage,
                                     DescriptorSet descriptors = {}) {
    OutgoingFrames frames;
    for (int i = 0; i < pieces; ++i) {
      std::string payload(kPieceBytes, 'x');
      payload[0] = static_cast<char>('0' + i);
      OutgoingFrame frame = NewFrameWithBody(
          call_id, payload, i == 0 ? std::move(descriptors) : DescriptorSet());
      FrameHeader header = DecodeFrameHeader(frame.head.data());
      if (i == 0) header.type = static_cast<uint8_t>(first);
      header.flags = kFlagMessage;
      if (i + 1 < pieces) header.flags |= kFlagMore;
      EncodeFrameHeader(header, frame.head.data());
      frames.push_back(std::move(frame));
    }
    return frames;
  }
  void EnqueueLarge(uint32_t call_id, int pieces,
                    FrameType first = FrameType::kMessage,
                    DescriptorSet descriptors = {}) {
    OutgoingFrames frames =
        LargeMessage(call_id, pieces, first, std::move(descriptors));
    ASSERT_TRUE(connection_->Enqueue(frames));
  }
  void EnqueueSmall(uint32_t call_id, int number = 0) {
    ASSERT_TRUE(
        connection_->Enqueue(NewFrame(call_id, std::to_string(number))));
  }
  // Sends and receives all.
  Sequence SendAll() {
    connection_->Flush();
    Received received;
    do {
      ReceiveAll(*peer_, received);
      EXPECT_TRUE(received.malformed.ok()) << received.malformed;
      if (connection_->write_blocked()) connection_->OnWritable();
    } while (connection_->queued_bytes() > 0);
    ReceiveAll(*peer_, received);
    Sequence sequence;
    for (const ReceivedFrame& frame : received.frames) {
      if (frame.header.call_id == kFiller) continue;
      sequence.emplace_back(frame.header.call_id, frame.payload[0] - '0');
    }
    return sequence;
  }
  // Fills the peer's side, on a stream in the middle of a frame.
  void Block() {
    while (!connection_->write_blocked()) {
      connection_->Enqueue(NewFrame(kFiller, std::string(10'000, 'x')));
      connection_->Flush();
    }
  }

  static constexpr uint32_t kFiller = 1000;
};

INSTANTIATE_TEST_SUITE_P(Transports, FrameTurnsTest, kAllTransports,
                         TransportName);

TEST_P(FrameTurnsTest, ASmallFrameGoesAfterOnePieceOfALargeMessage) {
  EnqueueLarge(1, 4);
  EnqueueSmall(2);
  EnqueueSmall(3);
  EXPECT_THAT(SendAll(), ElementsAre(Frame(1, 0), Frame(2, 0), Frame(3, 0),
                                     Frame(1, 1), Frame(1, 2), Frame(1, 3)));
}

TEST_P(FrameTurnsTest, FramesOfOneCallStayInOrder) {
  EnqueueLarge(1, 3);
  EnqueueSmall(1, 7);
  EnqueueLarge(1, 2);
  EnqueueSmall(2);
  EnqueueSmall(1, 8);
  EXPECT_THAT(SendAll(),
              ElementsAre(Frame(1, 0), Frame(2, 0), Frame(1, 1), Frame(1, 2),
                          Frame(1, 7), Frame(1, 0), Frame(1, 1), Frame(1, 8)));
}

TEST_P(FrameTurnsTest, LargeMessagesGoOneBehindTheOther) {
  EnqueueLarge(1, 3);
  EnqueueLarge(2, 2);
  EnqueueSmall(3);
  EXPECT_THAT(SendAll(), ElementsAre(Frame(1, 0), Frame(3, 0), Frame(1, 1),
                                     Frame(1, 2), Frame(2, 0), Frame(2, 1)));
}

TEST_P(FrameTurnsTest, OpenFramesGoInOrderOfTheirCalls) {
  EnqueueLarge(1, 3, FrameType::kOpen);
  EnqueueLarge(2, 2, FrameType::kOpen);
  connection_->EnqueueCopy(NewFrame(3, "0"));
  EXPECT_THAT(SendAll(), ElementsAre(Frame(1, 0), Frame(2, 0), Frame(3, 0),
                                     Frame(1, 1), Frame(1, 2), Frame(2, 1)));
}

TEST_P(FrameTurnsTest, FramesOfTheConnectionDoNotWait) {
  EnqueueLarge(1, 3);
  EnqueueSmall(0);
  EnqueueSmall(0, 1);
  EXPECT_THAT(SendAll(), ElementsAre(Frame(1, 0), Frame(0, 0), Frame(0, 1),
                                     Frame(1, 1), Frame(1, 2)));
}

TEST_P(FrameTurnsTest, WhatIsSentInPartIsFinishedFirst) {
  Block();
  EnqueueLarge(1, 3);
  EnqueueSmall(2);
  // Complete, and in order: a frame within another one would be malformed.
  EXPECT_THAT(SendAll(),
              ElementsAre(Frame(1, 0), Frame(2, 0), Frame(1, 1), Frame(1, 2)));
}

TEST_P(FrameTurnsTest, ACallThatIsWithdrawnGivesItsTurnToTheNext) {
  EnqueueLarge(1, 3, FrameType::kOpen, NumberedFiles(3));
  EnqueueLarge(2, 2);
  EnqueueSmall(1, 7);
  EnqueueSmall(3);
  EXPECT_TRUE(connection_->Withdraw(1));
  EXPECT_THAT(SendAll(), ElementsAre(Frame(3, 0), Frame(2, 0), Frame(2, 1)));
  EXPECT_EQ(connection_->queued_descriptors(), 0u);
}

TEST_P(FrameTurnsTest, ACallThatIsWithdrawnLeavesWhatWaitsOfOthers) {
  EnqueueLarge(1, 2);
  EnqueueLarge(2, 3);
  EnqueueSmall(2, 7);
  EnqueueSmall(3);
  EXPECT_FALSE(connection_->Withdraw(2)) << "it has no open frame";
  EXPECT_THAT(SendAll(), ElementsAre(Frame(1, 0), Frame(3, 0), Frame(1, 1)));
}

TEST_P(FrameTurnsTest, ARefusedMessageGivesItsTurnToTheNext) {
  EnqueueLarge(1, 3, FrameType::kMessage, NotOpen());
  EnqueueLarge(2, 2);
  EnqueueSmall(3);
  EXPECT_THAT(SendAll(), ElementsAre(Frame(3, 0), Frame(2, 0), Frame(2, 1)));
  EXPECT_THAT(role_->events, ElementsAre("unsent 1"));
  EXPECT_TRUE(connection_->sends());
}

TEST_P(FrameTurnsTest, AnEndAccountsForWhatWaits) {
  EnqueueLarge(1, 3);
  EnqueueLarge(2, 2, FrameType::kMessage, NumberedFiles(2));
  EnqueueSmall(3);
  connection_->Close(absl::CancelledError("why"));
  EXPECT_THAT(role_->events,
              ElementsAre("unsent 1", "unsent 3", "unsent 1", "unsent 1",
                          "unsent 2", "unsent 2", "closed"));
  EXPECT_EQ(connection_->queued_bytes(), 0u);
  EXPECT_EQ(connection_->queued_descriptors(), 0u);
  EXPECT_TRUE(connection_->within_limits());
  role_->unsent.clear();
}

TEST_P(FrameTurnsTest, TellsWhenTheLastFrameHasGone) {
  OutgoingFrames frames = LargeMessage(1, 3);
  frames.back().tells_when_sent = true;
  connection_->Enqueue(frames);
  OutgoingFrame small = NewFrame(2, "0");
  small.tells_when_sent = true;
  connection_->Enqueue(std::move(small));
  SendAll();
  EXPECT_THAT(role_->events, ElementsAre("sent 2", "sent 1"));
}

TEST_P(FrameTurnsTest, ManySmallFramesBehindTheirLargeMessageShareATurn) {
  EnqueueLarge(1, 2);
  for (int i = 2; i < 10; ++i) EnqueueSmall(1, i);
  EnqueueSmall(2);
  Sequence expected = {{1, 0}, {2, 0}};
  for (int i = 1; i < 10; ++i) expected.emplace_back(1, i);
  EXPECT_EQ(SendAll(), expected);
}

TEST_P(FrameTurnsTest, LargeMessagesLeaveRoomForAFrame) {
  Block();
  for (uint32_t call = 1; call <= QueueRoom::kMostLargeMessages; ++call) {
    EXPECT_TRUE(connection_->HasRoom()) << call;
    EnqueueLarge(call, 5);
  }
  EXPECT_GT(connection_->queued_bytes(), limits_.bytes);
  EXPECT_FALSE(connection_->HasRoom());
  EXPECT_FALSE(connection_->within_limits());
  EXPECT_TRUE(connection_->HasRoom(Size::kOneFrame));
  // As if there were no others.
  size_t small = 0;
  for (; connection_->HasRoom(Size::kOneFrame); ++small) {
    connection_->Enqueue(NewFrame(kFiller, std::string(10'000, 'x')));
  }
  EXPECT_LE(small * 10'016, limits_.bytes + 10'016);
  EXPECT_GE(small * 10'016, limits_.bytes - 100'000);
  EXPECT_EQ(role_->rooms, 0);
}

TEST_P(FrameTurnsTest, TellsOfRoomForEachSizeOnceThereIs) {
  Block();
  const uint32_t calls = QueueRoom::kMostLargeMessages;
  for (uint32_t call = 1; call <= calls; ++call) EnqueueLarge(call, 5);
  EXPECT_FALSE(connection_->HasRoom());
  // One large message remains.
  for (uint32_t call = 2; call < calls; ++call) {
    connection_->Withdraw(call);
    connection_->Flush();
    EXPECT_EQ(role_->rooms, 0);
    EXPECT_EQ(connection_->HasRoom(), true);
  }
  connection_->Withdraw(calls);
  connection_->Flush();
  EXPECT_EQ(role_->rooms, 1);
}

TEST_P(FrameTurnsTest, WhatWaitsBehindItsLargeMessageTakesRoomAsEver) {
  Block();
  EnqueueLarge(1, 2);
  while (connection_->HasRoom(Size::kOneFrame)) {
    connection_->Enqueue(NewFrame(1, std::string(10'000, 'x')));
    ASSERT_LT(connection_->queued_bytes(), 2 * limits_.bytes);
  }
  EXPECT_FALSE(connection_->HasRoom());
}

}  // namespace
}  // namespace fdrpc::testing
