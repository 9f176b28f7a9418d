// How a connection handles the frames that it is to send.

#include <cerrno>
#include <string>
#include <vector>

#include "connection/connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/connection/connection_fixture.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<uint32_t> CallsOf(const Received& received) {
  std::vector<uint32_t> calls;
  for (const ReceivedFrame& frame : received.frames) {
    calls.push_back(frame.header.call_id);
  }
  return calls;
}

class ConnectionWritingTest : public ConnectionFixture {
 protected:
  void SetUp() override { Handshake(); }
  // Fills the peer's side, and returns how many frames that took.
  size_t Fill() {
    size_t count = 0;
    while (!connection_->write_blocked()) {
      connection_->Enqueue(NewFrame(1000, std::string(10'000, 'x')));
      connection_->Flush();
      ++count;
    }
    return count;
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionWritingTest, kAllTransports,
                         TransportName);

TEST_P(ConnectionWritingTest, SendsWhatIsQueuedInOrderWhenFlushed) {
  OutgoingFrames two;
  two.push_back(NewFrame(1, "a"));
  two.push_back(NewFrame(1, "b", NumberedFiles(2)));
  EXPECT_TRUE(connection_->Enqueue(two));
  EXPECT_TRUE(two.empty());
  EXPECT_TRUE(connection_->Enqueue(NewFrame(2, "c")));
  EXPECT_EQ(connection_->queued_bytes(), 3 * 64u);
  EXPECT_TRUE(ReceiveAll(*peer_).frames.empty()) << "not before";
  connection_->Flush();
  EXPECT_EQ(connection_->queued_bytes(), 0u);
  const Received received = ReceiveAll(*peer_);
  ASSERT_EQ(received.frames.size(), 3u);
  EXPECT_EQ(received.frames[0].payload, "a");
  EXPECT_EQ(received.frames[1].payload, "b");
  EXPECT_EQ(received.frames[1].descriptors.size(), 2u);
  EXPECT_EQ(received.frames[2].payload, "c");
  EXPECT_FALSE(connection_->write_blocked());
  EXPECT_EQ(role_->blocked_changes, 0);
}

TEST_P(ConnectionWritingTest, TellsWhenAFrameThatAsksForItHasGone) {
  const auto asking = [](uint32_t call) {
    OutgoingFrame frame = NewFrame(call);
    frame.tells_when_sent = true;
    return frame;
  };
  connection_->Enqueue(NewFrame(1));
  connection_->Enqueue(asking(2));
  EXPECT_THAT(role_->events, IsEmpty());
  connection_->Flush();
  EXPECT_THAT(role_->events, ElementsAre("sent 2"));
  Fill();
  connection_->Enqueue(asking(3));
  connection_->Flush();
  connection_->Enqueue(asking(4));
  EXPECT_THAT(role_->events, ElementsAre("sent 2"));
  while (!ReceiveAll(*peer_).frames.empty()) connection_->OnWritable();
  EXPECT_THAT(role_->events, ElementsAre("sent 2", "sent 3", "sent 4"));
  connection_->Enqueue(asking(5));
  connection_->Close(absl::CancelledError("why"));
  EXPECT_THAT(role_->events,
              ElementsAre("sent 2", "sent 3", "sent 4", "unsent 5", "closed"));
}

TEST_P(ConnectionWritingTest, SendsMoreFramesThanABatchHolds) {
  for (uint32_t i = 1; i <= 500; ++i) connection_->Enqueue(NewFrame(i));
  connection_->Flush();
  const std::vector<uint32_t> calls = CallsOf(ReceiveAll(*peer_));
  ASSERT_EQ(calls.size(), 500u);
  for (uint32_t i = 0; i < 500; ++i) EXPECT_EQ(calls[i], i + 1);
}

TEST_P(ConnectionWritingTest, FlushingNothingDoesNothing) {
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  connection_->Flush();
  connection_->OnWritable();
  EXPECT_EQ(faults.CountOf("sendmsg"), 0u);
  EXPECT_EQ(role_->blocked_changes, 0);
}

TEST_P(ConnectionWritingTest, ARefusedFrameTakesTheRestOfItsCallWithIt) {
  const DescriptorCensus before = TakeCensus();
  connection_->Enqueue(NewFrame(1, "before"));
  connection_->Enqueue(NewFrame(2, "refused", NotOpen()));
  connection_->Enqueue(NewFrame(3, "between"));
  connection_->Enqueue(NewFrame(2, "dropped", NumberedFiles(5)));
  connection_->Enqueue(NewFrame(4, "after", NumberedFiles(1)));
  connection_->Enqueue(NewFrame(2, "dropped"));
  connection_->Flush();
  EXPECT_THAT(CallsOf(ReceiveAll(*peer_)), ElementsAre(1, 3, 4));
  ASSERT_EQ(role_->unsent.size(), 1u);
  EXPECT_EQ(role_->unsent[0].frame.call_id, 2u);
  EXPECT_EQ(role_->unsent[0].frame.head.substr(kFrameHeaderBytes), "refused");
  EXPECT_EQ(role_->unsent[0].why.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(connection_->queued_bytes(), 0u);
  EXPECT_FALSE(connection_->closed());
  role_->unsent.clear();
  EXPECT_EQ(TakeCensus(), before) << "the descriptors dropped are closed";
}

TEST_P(ConnectionWritingTest, TheRoleMaySendWhenAFrameWasRefused) {
  role_->on_unsent = [this] {
    connection_->Enqueue(NewFrame(2, "instead"));
    connection_->Flush();
  };
  connection_->Enqueue(NewFrame(2, "refused", NotOpen()));
  connection_->Flush();
  const Received received = ReceiveAll(*peer_);
  ASSERT_EQ(received.frames.size(), 1u);
  EXPECT_EQ(received.frames[0].payload, "instead");
}

TEST_P(ConnectionWritingTest, TheRoleMayCloseWhenAFrameWasRefused) {
  role_->on_unsent = [this] {
    connection_->Close(absl::AbortedError("enough"));
  };
  connection_->Enqueue(NewFrame(2, "refused", NotOpen()));
  connection_->Enqueue(NewFrame(3, "next"));
  connection_->Flush();
  ExpectClosedWith(absl::StatusCode::kAborted);
  EXPECT_EQ(role_->events.back(), "closed");
}

TEST_P(ConnectionWritingTest, TellsWhatIsUnsentAndThenThatItHasEnded) {
  connection_->Enqueue(NewFrame(1, "", NumberedFiles(2)));
  connection_->Enqueue(BuildControl(FrameType::kPong, 0));
  connection_->Enqueue(NewFrame(2));
  connection_->Close(absl::CancelledError("why"));
  EXPECT_THAT(role_->events, ElementsAre("unsent 1", "unsent 2", "closed"))
      << "the connection's own frames are nobody's";
  ASSERT_EQ(role_->unsent.size(), 2u);
  EXPECT_EQ(role_->unsent[0].why, absl::CancelledError("why"));
  EXPECT_EQ(DescriptorsOf(role_->unsent[0].frame).size(), 2u) << "given back";
  ExpectClosedWith(absl::StatusCode::kCancelled);
  EXPECT_EQ(connection_->queued_bytes(), 0u);
  EXPECT_THAT(ReceiveAll(*peer_).frames, IsEmpty());
}

TEST_P(ConnectionWritingTest, EndsOnceHoweverOftenItIsClosed) {
  connection_->Close(absl::CancelledError("first"));
  connection_->Close(absl::AbortedError("second"));
  connection_->Flush();
  connection_->OnWritable();
  ReadAll();
  ExpectClosedWith(absl::StatusCode::kCancelled);
}

TEST_P(ConnectionWritingTest, TheRoleMayUseTheConnectionAsItEnds) {
  bool enqueued = true;
  role_->on_closed = [&] {
    enqueued = connection_->Enqueue(NewFrame(1));
    connection_->Flush();
    connection_->Close(absl::AbortedError("again"));
  };
  connection_->Close(absl::CancelledError("why"));
  EXPECT_FALSE(enqueued);
  ExpectClosedWith(absl::StatusCode::kCancelled);
}

TEST_P(ConnectionWritingTest, TakesNoFramesOnceItHasEnded) {
  connection_->Close(absl::CancelledError("why"));
  OutgoingFrames frames;
  frames.push_back(NewFrame(1, "kept", NumberedFiles(2)));
  EXPECT_FALSE(connection_->Enqueue(frames));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(DescriptorsOf(frames[0]).size(), 2u) << "left as they are";
  EXPECT_FALSE(connection_->Enqueue(NewFrame(2, "", NumberedFiles(1))));
  EXPECT_THAT(role_->unsent, IsEmpty());
}

TEST_P(ConnectionWritingTest, SaysWhenThereIsNoRoomAndWhenThereIsAgain) {
  size_t count = Fill();
  EXPECT_EQ(role_->blocked_changes, 1);
  EXPECT_GT(connection_->queued_bytes(), 0u);
  {
    FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
    connection_->Enqueue(NewFrame(1, "one more"));
    connection_->Flush();
    EXPECT_EQ(faults.CountOf("sendmsg"), 0u) << "not tried before OnWritable()";
  }
  Received received = ReceiveAll(*peer_);
  connection_->OnWritable();
  EXPECT_FALSE(connection_->write_blocked());
  EXPECT_EQ(role_->blocked_changes, 2);
  EXPECT_EQ(connection_->queued_bytes(), 0u);
  ReceiveAll(*peer_, received);
  ASSERT_EQ(received.frames.size(), count + 1);
  EXPECT_EQ(received.frames.back().payload, "one more");
}

TEST_P(ConnectionWritingTest, StaysBlockedWhileThereIsNoRoom) {
  Fill();
  {
    // Also for other threads while this one tries.
    FaultInjection faults([this](auto, auto) {
      EXPECT_TRUE(connection_->write_blocked());
      return FaultInjection::Fault{};
    });
    connection_->OnWritable();
  }
  EXPECT_EQ(role_->blocked_changes, 1);
  EXPECT_TRUE(connection_->write_blocked());
  EXPECT_GT(connection_->queued_bytes(), 0u);
}

TEST_P(ConnectionWritingTest, EndsWithWhatWaitedForRoomUnsent) {
  Fill();
  connection_->Enqueue(NewFrame(7, "waiting", NumberedFiles(3)));
  PeerGoes();
  connection_->OnWritable();
  ExpectSendingEnded();
  ASSERT_FALSE(role_->unsent.empty());
  EXPECT_EQ(role_->unsent.back().frame.call_id, 7u);
  EXPECT_EQ(DescriptorsOf(role_->unsent.back().frame).size(), 3u);
  EXPECT_EQ(role_->events.back(), "closed");
}

TEST_P(ConnectionWritingTest, EndsWhenThePeerIsGone) {
  PeerGoes();
  connection_->Enqueue(NewFrame(1, "", NumberedFiles(1)));
  connection_->Flush();
  ExpectSendingEnded();
  EXPECT_THAT(role_->events,
              ElementsAre("unsent 1", "sending ended", "closed"));
}

TEST_P(ConnectionWritingTest, ReadsWhatThePeerSaysThatTakesNothingMore) {
  peer_->ShutdownReceive();
  connection_->Enqueue(NewFrame(1, "", NumberedFiles(1)));
  connection_->Enqueue(NewFrame(1, "and its rest"));
  connection_->Flush();
  EXPECT_THAT(role_->events,
              ElementsAre("unsent 1", "unsent 1", "sending ended"));
  EXPECT_EQ(DescriptorsOf(role_->unsent[0].frame).size(), 1u);
  PeerSends(NewFrame(7, "last words"));
  ReadAll();
  ASSERT_EQ(role_->frames.size(), 1u);
  EXPECT_EQ(role_->frames[0].payload, "last words");
  EXPECT_FALSE(connection_->closed());
  connection_->Close(absl::CancelledError("enough"));
  EXPECT_THAT(role_->events.back(), "closed");
  ExpectClosedWith(absl::StatusCode::kCancelled);
}

TEST_P(ConnectionWritingTest, SendsOnWhenItTakesNothingMoreItself) {
  PeerSends(NewFrame(3, "before", NumberedFiles(1)));
  connection_->ReadRest();
  ASSERT_EQ(role_->frames.size(), 1u);
  EXPECT_EQ(role_->frames[0].descriptors.size(), 1u);
  EXPECT_FALSE(connection_->closed());
  connection_->Enqueue(NewFrame(3, "answer"));
  connection_->Flush();
  EXPECT_EQ(ReceiveAll(*peer_).frames.size(), 1u);
  EXPECT_TRUE(connection_->sends());
}

TEST_P(ConnectionWritingTest, ClosesWhatIsQueuedWhenDestroyed) {
  connection_->Enqueue(NewFrame(1, "", NumberedFiles(3)));
  connection_.reset();
  EXPECT_THAT(role_->events, IsEmpty());
}

class ConnectionPartlySentTest : public ConnectionFixture {
 protected:
  void SetUp() override { Handshake(); }
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionPartlySentTest,
                         ::testing::Values(TransportKind{"Stream", StreamPair}),
                         TransportName);

TEST_P(ConnectionPartlySentTest, AFrameThatIsPartlyGoneIsNotCalledUnsent) {
  connection_->Enqueue(NewFrame(1, "sent"));
  connection_->Enqueue(NewFrame(2, "partly sent", NumberedFiles(1)));
  connection_->Enqueue(NewFrame(3, "unsent", NumberedFiles(1)));
  {
    FaultInjection faults([](std::string_view name, size_t index) {
      const bool cut = name == "sendmsg" && index == 1;
      return FaultInjection::Fault{.most_bytes = cut ? 20u : 0u};
    });
    connection_->Flush();
  }
  EXPECT_TRUE(connection_->write_blocked());
  connection_->Close(absl::CancelledError("why"));
  EXPECT_THAT(role_->events, ElementsAre("unsent 3", "closed"));
  EXPECT_THAT(CallsOf(ReceiveAll(*peer_)), ElementsAre(1));
}

TEST_P(ConnectionPartlySentTest, WantOfMemoryFailsTheCallAndNotTheConnection) {
  connection_->Enqueue(NewFrame(1, "refused"));
  connection_->Enqueue(NewFrame(2, "next"));
  FaultInjection faults([](std::string_view name, size_t index) {
    const bool fails = name == "sendmsg" && index == 0;
    return FaultInjection::Fault{.error = fails ? ENOBUFS : 0};
  });
  connection_->Flush();
  EXPECT_THAT(role_->events, ElementsAre("unsent 1"));
  EXPECT_EQ(role_->unsent[0].why.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(CallsOf(ReceiveAll(*peer_)), ElementsAre(2));
}

TEST_P(ConnectionPartlySentTest, WantOfMemoryForItsOwnFrameEndsTheConnection) {
  connection_->Enqueue(BuildGoAway(1));
  connection_->Enqueue(NewFrame(2, "next"));
  FaultInjection faults([](std::string_view name, size_t index) {
    const bool fails = name == "sendmsg" && index == 0;
    return FaultInjection::Fault{.error = fails ? ENOBUFS : 0};
  });
  connection_->Flush();
  EXPECT_THAT(role_->events, ElementsAre("unsent 2", "closed"));
  ExpectClosedWith(absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace fdrpc::testing
