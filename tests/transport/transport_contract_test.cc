// What every transport does, whatever its socket.

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "tests/transport/transport_pairs.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

using SendOutcome = Transport::SendResult::Outcome;
using ReceiveOutcome = Transport::ReceiveOutcome;
class TransportContractTest : public ::testing::TestWithParam<TransportKind> {
 protected:
  TransportContractTest() { std::tie(a_, b_) = GetParam().make(); }

  ExpectSameDescriptors census_;
  std::unique_ptr<Transport> a_;
  std::unique_ptr<Transport> b_;
};

INSTANTIATE_TEST_SUITE_P(Transports, TransportContractTest, kAllTransports,
                         TransportName);

TEST_P(TransportContractTest, HasNothingToReceiveAtFirst) {
  EXPECT_EQ(b_->Receive().outcome, ReceiveOutcome::kWouldBlock);
  IncomingFrame frame;
  EXPECT_EQ(b_->Next(frame).outcome, Transport::NextOutcome::kNone);
  EXPECT_FALSE(HasArrived(*b_));
}

TEST_P(TransportContractTest, MovesFramesWholeAndInOrder) {
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 200; ++i) {
    const std::string payload = std::to_string(i) + std::string(i, 'x');
    frames.push_back(i % 3 == 0 ? NewFrameWithBody(i, payload)
                                : NewFrame(i, payload));
  }
  EXPECT_EQ(SendOnce(*a_, frames).sent, 200u);
  const Received received = ReceiveAll(*b_);
  EXPECT_TRUE(received.malformed.ok()) << received.malformed;
  EXPECT_EQ(received.last, ReceiveOutcome::kWouldBlock);
  ASSERT_EQ(received.frames.size(), 200u);
  for (uint32_t i = 0; i < 200; ++i) {
    EXPECT_EQ(received.frames[i].header,
              DecodeFrameHeader(frames[i].head.data()));
    EXPECT_EQ(received.frames[i].payload,
              std::to_string(i) + std::string(i, 'x'));
  }
}

TEST_P(TransportContractTest, DescriptorsThatNobodyReceivesWaitForRoom) {
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 400; ++i) {
    frames.push_back(NewFrame(i, "x", NumberedFiles(1)));
  }
  Transport::SendResult result = SendOnce(*a_, frames);
  if (result.outcome == SendOutcome::kWouldBlock) {
    EXPECT_FALSE(result.next_partly_sent);
    pollfd polled = {.fd = a_->pollable_fd(), .events = POLLOUT, .revents = 0};
    EXPECT_EQ(poll(&polled, 1, 0), 0);
  } else {
    // Within a process no descriptor is in flight.
    EXPECT_STREQ(GetParam().name, "Loopback");
  }
  frames.erase(frames.begin(), frames.begin() + static_cast<long>(result.sent));
  const size_t left = frames.size();
  Received received;
  ReceiveAll(*b_, received);
  EXPECT_EQ(SendAndReceiveAll(*a_, *b_, frames).frames.size(), left);
  EXPECT_EQ(received.frames.size(), result.sent);
}

TEST_P(TransportContractTest, MovesFramesInBothDirections) {
  std::vector<OutgoingFrame> there, back;
  there.push_back(NewFrame(1, "there", NumberedFiles(1)));
  back.push_back(NewFrame(2, "back", NumberedFiles(2)));
  EXPECT_EQ(SendOnce(*a_, there).outcome, SendOutcome::kSent);
  EXPECT_EQ(SendOnce(*b_, back).outcome, SendOutcome::kSent);
  EXPECT_EQ(ReceiveAll(*b_).frames[0].payload, "there");
  EXPECT_EQ(ReceiveAll(*a_).frames[0].payload, "back");
}

TEST_P(TransportContractTest, IsReadableWhileThereIsSomethingToReceive) {
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(b_->PrepareToSleep());
    EXPECT_FALSE(IsReadable(b_->pollable_fd()));
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(i, "x"));
    SendOnce(*a_, frames);
    EXPECT_TRUE(IsReadable(b_->pollable_fd()));
    EXPECT_TRUE(b_->MayReceive());
    EXPECT_EQ(ReceiveAll(*b_).frames.size(), 1u);
    EXPECT_FALSE(IsReadable(b_->pollable_fd()));
  }
}

TEST_P(TransportContractTest, IsReadableForWhatCameBeforeTheSleep) {
  for (const bool with_descriptor : {false, true}) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(1, "x", NumberedFiles(with_descriptor ? 1 : 0)));
    SendOnce(*a_, frames);
    EXPECT_TRUE(HasArrived(*b_));
    EXPECT_EQ(ReceiveAll(*b_).frames.size(), 1u);
    EXPECT_FALSE(HasArrived(*b_));
  }
}

TEST_P(TransportContractTest, TakesInWhatHasArrivedAndNoMore) {
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 2; ++i) frames.push_back(NewFrame(i));
  EXPECT_EQ(SendOnce(*a_, frames).sent, 2u);
  EXPECT_EQ(b_->Receive().outcome, ReceiveOutcome::kReceived);
  std::vector<OutgoingFrame> later;
  later.push_back(NewFrame(2));
  EXPECT_EQ(SendOnce(*a_, later).sent, 1u);
  IncomingFrame frame;
  for (uint32_t i = 0; i < 2; ++i) {
    ASSERT_EQ(b_->Next(frame).outcome, Transport::NextOutcome::kFrame);
    EXPECT_EQ(frame.header.call_id, i);
  }
  EXPECT_EQ(b_->Next(frame).outcome, Transport::NextOutcome::kNone);
  EXPECT_TRUE(HasArrived(*b_));
  EXPECT_EQ(b_->Receive().outcome, ReceiveOutcome::kReceived);
  ASSERT_EQ(b_->Next(frame).outcome, Transport::NextOutcome::kFrame);
  EXPECT_EQ(frame.header.call_id, 2u);
}

TEST_P(TransportContractTest, DescriptorsArriveWithTheirFrame) {
  for (const size_t count : {1u, 2u, 3u, 252u, 253u}) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(1, "plain"));
    frames.push_back(NewFrame(2, "first", NumberedFiles(count)));
    frames.push_back(NewFrame(3, "plain"));
    frames.push_back(NewFrame(4, "", NumberedFiles(1)));
    frames.push_back(NewFrame(5, "last", NumberedFiles(count)));
    const Received received = SendAndReceiveAll(*a_, *b_, frames);
    ASSERT_EQ(received.frames.size(), 5u) << received.malformed;
    const size_t expected[] = {0, count, 0, 1, count};
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(received.frames[i].descriptors.size(), expected[i]) << i;
      EXPECT_TRUE(AreNumberedFiles(received.frames[i].descriptors)) << i;
      for (const UniqueFd& fd : received.frames[i].descriptors) {
        EXPECT_TRUE(HasCloseOnExec(fd.get()));
      }
    }
  }
}

TEST_P(TransportContractTest, ClearsTheDescriptorsOfFramesThatAreGone) {
  const DescriptorCensus before = TakeCensus();
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "", NumberedFiles(3)));
  ASSERT_EQ(SendOnce(*a_, frames).sent, 1u);
  EXPECT_TRUE(DescriptorsOf(frames[0]).empty());
  EXPECT_EQ(ReceiveAll(*b_).descriptors(), 3u);
  EXPECT_EQ(TakeCensus(), before) << "closed with what was received";
}

TEST_P(TransportContractTest, ASharedDescriptorStaysTheSendersToo) {
  const SharedFd shared{FileWith("0123456789")};
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 3; ++i) {
    DescriptorSet set;
    set.push_back(shared);
    frames.push_back(NewFrame(i, "", std::move(set)));
  }
  const Received received = SendAndReceiveAll(*a_, *b_, frames);
  ASSERT_EQ(received.frames.size(), 3u);
  EXPECT_TRUE(shared.ok());
  for (const ReceivedFrame& frame : received.frames) {
    ASSERT_EQ(frame.descriptors.size(), 1u);
    EXPECT_NE(frame.descriptors[0].get(), shared.get());
    EXPECT_TRUE(SameDescription(frame.descriptors[0].get(), shared.get()));
  }
}

TEST_P(TransportContractTest, AnOwnedDescriptorArrivesAsTheSameOpenFile) {
  UniqueFd file = FileWith("x");
  const SharedFd witness{UniqueFd(fcntl(file.get(), F_DUPFD_CLOEXEC, 0))};
  DescriptorSet set;
  set.push_back(std::move(file));
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "", std::move(set)));
  const Received received = SendAndReceiveAll(*a_, *b_, frames);
  ASSERT_EQ(received.descriptors(), 1u);
  EXPECT_TRUE(
      SameDescription(received.frames[0].descriptors[0].get(), witness.get()));
}

TEST_P(TransportContractTest, RefusesAFrameWithABadDescriptorAndThatOneOnly) {
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "before"));
  frames.push_back(NewFrame(2, "bad", NotOpen()));
  frames.push_back(NewFrame(3, "after", NumberedFiles(1)));
  const Transport::SendResult result = SendOnce(*a_, frames);
  EXPECT_EQ(result.outcome, SendOutcome::kRefused);
  EXPECT_EQ(result.sent, 1u);
  EXPECT_FALSE(result.next_partly_sent);
  EXPECT_EQ(result.error.code(), absl::StatusCode::kInvalidArgument);
  frames.erase(frames.begin(), frames.begin() + 2);
  const Received received = SendAndReceiveAll(*a_, *b_, frames);
  ASSERT_EQ(received.frames.size(), 2u);
  EXPECT_EQ(received.frames[0].payload, "before");
  EXPECT_EQ(received.frames[1].payload, "after");
  EXPECT_EQ(received.frames[1].descriptors.size(), 1u);
}

TEST_P(TransportContractTest, ARefusedFrameKeepsItsOtherDescriptors) {
  DescriptorSet set = NumberedFiles(2);
  set.push_back(UniqueFd(1 << 20));
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "", std::move(set)));
  EXPECT_EQ(SendOnce(*a_, frames).outcome, SendOutcome::kRefused);
  ASSERT_EQ(DescriptorsOf(frames[0]).size(), 3u);
  EXPECT_EQ(ReadRest(DescriptorsOf(frames[0])[1].get()), "1");
}

TEST_P(TransportContractTest, RefusesAFrameWithAnEmptyDescriptor) {
  std::vector<OutgoingFrame> frames;
  DescriptorSet set;
  set.push_back(UniqueFd());
  frames.push_back(NewFrame(1, "", std::move(set)));
  EXPECT_EQ(SendOnce(*a_, frames).outcome, SendOutcome::kRefused);
  EXPECT_TRUE(ReceiveAll(*b_).frames.empty());
}

TEST_P(TransportContractTest, ThePeerReadsTheEndBehindWhatWasSent) {
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "last", NumberedFiles(2)));
  SendOnce(*a_, frames);
  a_->Shutdown();
  EXPECT_TRUE(IsReadable(b_->pollable_fd()));
  const Received received = ReceiveAll(*b_);
  EXPECT_EQ(received.last, ReceiveOutcome::kClosed);
  ASSERT_EQ(received.frames.size(), 1u);
  EXPECT_EQ(received.frames[0].payload, "last");
  EXPECT_TRUE(AreNumberedFiles(received.frames[0].descriptors));
  EXPECT_EQ(b_->Receive().outcome, ReceiveOutcome::kClosed) << "it stays so";
  EXPECT_TRUE(IsReadable(b_->pollable_fd()));
}

TEST_P(TransportContractTest, ShutdownEndsThisSideToo) {
  a_->Shutdown();
  EXPECT_EQ(a_->Receive().outcome, ReceiveOutcome::kClosed);
  EXPECT_TRUE(IsReadable(a_->pollable_fd()));
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "late", NumberedFiles(1)));
  const Transport::SendResult result = SendOnce(*a_, frames);
  EXPECT_EQ(result.outcome, SendOutcome::kClosed);
  EXPECT_EQ(result.sent, 0u);
  a_->Shutdown();
}

TEST_P(TransportContractTest, WhoTakesNothingMoreStillReceivesWhatWasSent) {
  std::vector<OutgoingFrame> sent;
  sent.push_back(NewFrame(1, "in time", NumberedFiles(2)));
  EXPECT_EQ(SendOnce(*a_, sent).sent, 1u);
  b_->ShutdownReceive();
  std::vector<OutgoingFrame> late;
  late.push_back(NewFrame(2, "late", NumberedFiles(1)));
  const Transport::SendResult result = SendOnce(*a_, late);
  EXPECT_EQ(result.outcome, SendOutcome::kClosed);
  EXPECT_EQ(result.sent, 0u);
  EXPECT_EQ(DescriptorsOf(late[0]).size(), 1u) << "nothing was sent";
  const Received received = ReceiveAll(*b_);
  EXPECT_EQ(received.last, ReceiveOutcome::kClosed);
  ASSERT_EQ(received.frames.size(), 1u);
  EXPECT_EQ(received.frames[0].descriptors.size(), 2u);
  // The other direction continues.
  EXPECT_EQ(a_->Receive().outcome, ReceiveOutcome::kWouldBlock);
  std::vector<OutgoingFrame> answer;
  answer.push_back(NewFrame(1, "answer"));
  EXPECT_EQ(SendOnce(*b_, answer).sent, 1u);
  EXPECT_EQ(ReceiveAll(*a_).frames.size(), 1u);
}

TEST_P(TransportContractTest, IsClosedWhenThePeerIsGone) {
  b_.reset();
  EXPECT_EQ(a_->Receive().outcome, ReceiveOutcome::kClosed);
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "late", NumberedFiles(1)));
  const Transport::SendResult result = SendOnce(*a_, frames);
  EXPECT_EQ(result.outcome, SendOutcome::kClosed);
  EXPECT_EQ(DescriptorsOf(frames[0]).size(), 1u) << "nothing was sent";
}

TEST_P(TransportContractTest, ClosesDescriptorsThatNobodyReceives) {
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "", NumberedFiles(3)));
  frames.push_back(NewFrame(2, "", NumberedFiles(3)));
  ASSERT_EQ(SendOnce(*a_, frames).sent, 2u);
}

TEST_P(TransportContractTest, WouldBlockWhenThePeerDoesNotRead) {
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 5000; ++i) {
    frames.push_back(NewFrame(i, std::string(1000, 'x')));
  }
  const Transport::SendResult result = SendOnce(*a_, frames);
  EXPECT_EQ(result.outcome, SendOutcome::kWouldBlock);
  EXPECT_GT(result.sent, 0u);
  EXPECT_LT(result.sent, 5000u);
  frames.erase(frames.begin(), frames.begin() + static_cast<long>(result.sent));
  Received received = ReceiveAll(*b_);
  for (ReceivedFrame& frame : SendAndReceiveAll(*a_, *b_, frames).frames) {
    received.frames.push_back(std::move(frame));
  }
  ASSERT_EQ(received.frames.size(), 5000u);
  for (uint32_t i = 0; i < 5000; ++i) {
    ASSERT_EQ(received.frames[i].header.call_id, i);
  }
}

TEST_P(TransportContractTest, APayloadInABufferOutlivesTheNextFrames) {
  const std::string payload(100'000, 'x');
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrameWithBody(1, payload));
  ASSERT_EQ(SendOnce(*a_, frames).sent, 1u);
  IncomingFrame frame;
  while (b_->Next(frame).outcome != Transport::NextOutcome::kFrame) {
    ASSERT_EQ(b_->Receive().outcome, ReceiveOutcome::kReceived);
  }
  EXPECT_EQ(frame.payload, payload);
  if (frame.buffer.empty()) GTEST_SKIP() << "borrowed, as it may be";
  std::vector<OutgoingFrame> more;
  more.push_back(NewFrameWithBody(2, std::string(100'000, 'y')));
  EXPECT_EQ(SendAndReceiveAll(*a_, *b_, more).frames.size(), 1u);
  b_->ReleaseIdleMemory();
  EXPECT_EQ(frame.payload, payload);
}

TEST_P(TransportContractTest, MovesTheLargestFrame) {
  std::vector<OutgoingFrame> frames;
  const std::string payload(kMaxFramePayloadBytes, 'x');
  frames.push_back(
      NewFrameWithBody(1, payload, NumberedFiles(kMaxSentFrameDescriptors)));
  frames.push_back(NewFrame(2, payload));
  const Received received = SendAndReceiveAll(*a_, *b_, frames);
  ASSERT_EQ(received.frames.size(), 2u);
  EXPECT_EQ(received.frames[0].payload, payload);
  EXPECT_TRUE(AreNumberedFiles(received.frames[0].descriptors));
  EXPECT_EQ(received.frames[0].descriptors.size(), kMaxSentFrameDescriptors);
  EXPECT_EQ(received.frames[1].payload, payload);
  b_->ReleaseIdleMemory();
  std::vector<OutgoingFrame> more;
  more.push_back(NewFrame(3, "more"));
  EXPECT_EQ(SendAndReceiveAll(*a_, *b_, more).frames.size(), 1u);
}

}  // namespace
}  // namespace fdrpc::testing
