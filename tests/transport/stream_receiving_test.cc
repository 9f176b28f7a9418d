// How a stream transport handles the bytes and descriptors that a peer may
// send, valid or not.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "os/payload_memory.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/transport/receiving_fixture.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

using ReceiveOutcome = Transport::ReceiveOutcome;

class StreamReceivingTest : public ReceivingFixture {
 protected:
  StreamReceivingTest() : ReceivingFixture(SOCK_STREAM) {}

  // With as many sendmsg(2) as it takes, the descriptors in the first.
  void PeerSendsAll(std::string_view bytes, size_t count) {
    for (size_t most = 20'000; !bytes.empty(); count = 0) {
      PeerSends(bytes.substr(0, most), count);
      bytes.remove_prefix(std::min(most, bytes.size()));
    }
  }
};

TEST_F(StreamReceivingTest, APlainFrameAndOneWithDescriptorsMayComeInOneRead) {
  PeerSends(FrameBytes(1, "plain"));
  PeerSends(FrameBytes(2, "with", 3), 3);
  ASSERT_EQ(transport_->Receive().outcome, ReceiveOutcome::kReceived);
  Received received;
  TakeFrames(*transport_, received);
  ASSERT_EQ(received.frames.size(), 2u) << "of one read";
  EXPECT_TRUE(received.frames[0].descriptors.empty());
  EXPECT_EQ(received.frames[1].descriptors.size(), 3u);
  EXPECT_TRUE(AreNumberedFiles(received.frames[1].descriptors));
}

TEST_F(StreamReceivingTest, FramesWithDescriptorsMayComeBackToBack) {
  for (uint16_t i = 1; i <= 20; ++i) {
    PeerSends(FrameBytes(i, std::string(i, 'x'), i), i);
  }
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 20u) << received.malformed;
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(received.frames[i].descriptors.size(), i + 1);
    EXPECT_TRUE(AreNumberedFiles(received.frames[i].descriptors));
  }
}

TEST_F(StreamReceivingTest, AFrameWithDescriptorsMayBeSplitAtEveryByte) {
  const std::string before = FrameBytes(1, "plain");
  const std::string frame = FrameBytes(2, "payload", 2);
  const std::string after = FrameBytes(3, "next", 1);
  for (size_t split = 1; split < frame.size(); ++split) {
    PeerSends(before);
    PeerSends(frame.substr(0, split), 2);
    Received received = ReceiveMore();
    EXPECT_EQ(received.frames.size(), 1u) << split;
    PeerSends(frame.substr(split));
    PeerSends(after, 1);
    ReceiveAll(*transport_, received);
    ASSERT_TRUE(received.malformed.ok()) << split << received.malformed;
    ASSERT_EQ(received.frames.size(), 3u) << split;
    EXPECT_EQ(received.frames[1].descriptors.size(), 2u) << split;
    EXPECT_EQ(received.frames[1].payload, "payload");
    EXPECT_EQ(received.frames[2].descriptors.size(), 1u) << split;
  }
}

TEST_F(StreamReceivingTest, FramesMayArriveByteByByte) {
  PeerSends(FrameBytes(1, "plain"));
  PeerSends(FrameBytes(2, "first", 2), 2);
  PeerSends(FrameBytes(3, "second", 3), 3);
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.most_bytes = name == "recvmsg" ? 1u : 0};
  });
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 3u) << received.malformed;
  EXPECT_EQ(received.frames[0].descriptors.size(), 0u);
  EXPECT_EQ(received.frames[1].descriptors.size(), 2u);
  EXPECT_EQ(received.frames[2].descriptors.size(), 3u);
}

TEST_F(StreamReceivingTest, AnEmptyPayloadMayHaveDescriptors) {
  PeerSends(FrameBytes(1, "", 253), 253);
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 1u);
  EXPECT_EQ(received.frames[0].descriptors.size(), 253u);
}

TEST_F(StreamReceivingTest, PlainFramesMayFollowInTheSameSend) {
  PeerSends(FrameBytes(1, "with", 2) + FrameBytes(2, "") + FrameBytes(3, "x"),
            2);
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 3u);
  EXPECT_EQ(received.frames[0].descriptors.size(), 2u);
}

TEST_F(StreamReceivingTest, RefusesMoreDescriptorsThanAnnounced) {
  PeerSends(FrameBytes(1, "x", 2), 3);
  ExpectMalformed("announces 2 descriptors but 3 came");
}

TEST_F(StreamReceivingTest,
       RefusesFewerDescriptorsThanAnnouncedWithoutWaiting) {
  PeerSends(FrameBytes(1, "x", 3), 2);
  ExpectMalformed("announces 3 descriptors but 2 came");
}

TEST_F(StreamReceivingTest, RefusesAFrameWithoutTheDescriptorsThatItAnnounces) {
  PeerSends(FrameBytes(1, "x", 1));
  ExpectMalformed("none came with it");
}

TEST_F(StreamReceivingTest, RefusesDescriptorsThatAreNotAnnounced) {
  PeerSends(FrameBytes(1, "x"), 1);
  const Received received = ReceiveMore();
  EXPECT_FALSE(received.malformed.ok());
  EXPECT_EQ(received.descriptors(), 0u);
}

TEST_F(StreamReceivingTest, RefusesTwoSetsForOneFrame) {
  const std::string frame = FrameBytes(1, "payload", 2);
  PeerSends(frame.substr(0, 5), 1);
  PeerSends(frame.substr(5), 1);
  ExpectMalformed("");
}

TEST_F(StreamReceivingTest, RefusesASetThatComesLaterThanTheFirstByte) {
  const std::string frame = FrameBytes(1, "payload", 1);
  for (const size_t split : {1u, 8u, 15u, 16u, 20u}) {
    Connect();
    PeerSends(frame.substr(0, split));
    EXPECT_TRUE(ReceiveMore().frames.empty());
    PeerSends(frame.substr(split), 1);
    ExpectMalformed("none came with it");
  }
}

TEST_F(StreamReceivingTest, DescriptorsMayStandBeforeAndBehindLargePayloads) {
  const std::string payload(40'000, 'x');
  // Whether the large frames are received in pieces, or each together with the
  // next one.
  for (const size_t most : {0u, 20'000u}) {
    Connect();
    FaultInjection faults(
        [&](auto, auto) { return FaultInjection::Fault{.most_bytes = most}; });
    Received received;
    for (const auto& [size, count] :
         std::vector<std::pair<size_t, uint16_t>>{{payload.size(), 3},
                                                  {0, 2},
                                                  {payload.size(), 0},
                                                  {payload.size(), 1},
                                                  {5, 4}}) {
      const std::string bytes = FrameBytes(1, payload.substr(0, size), count);
      // The peer is not the runtime, and may send anything.
      const size_t half = bytes.size() / 2;
      PeerSendsAll(bytes.substr(0, half), count);
      if (most > 0) ReceiveAll(*transport_, received);
      PeerSendsAll(bytes.substr(half), 0);
      if (most > 0) ReceiveAll(*transport_, received);
    }
    ReceiveAll(*transport_, received);
    ASSERT_EQ(received.frames.size(), 5u) << received.malformed;
    EXPECT_EQ(received.descriptors(), 10u);
    for (const ReceivedFrame& frame : received.frames) {
      EXPECT_EQ(frame.descriptors.size(), frame.header.descriptor_count);
      EXPECT_TRUE(AreNumberedFiles(frame.descriptors));
      EXPECT_EQ(frame.payload, payload.substr(0, frame.header.payload_bytes));
    }
  }
}

TEST_F(StreamReceivingTest, WhatFollowsALargePayloadCostsNoCallOfItsOwn) {
  // Memory that is already there receives the payload as a whole.
  constexpr size_t kBytes = 500u << 10;
  NewPayload(kBytes, kBytes).Reset();
  PeerSends(FrameBytes(1, std::string(kBytes, 'x')).substr(0, 1000));
  EXPECT_TRUE(ReceiveMore().frames.empty());
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  const std::string rest = std::string(kBytes + kFrameHeaderBytes - 1000, 'x') +
                           FrameBytes(2, "small") + FrameBytes(3, "small");
  const int bytes = 1 << 20;
  ASSERT_EQ(
      setsockopt(peer_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
  const iovec piece = {const_cast<char*>(rest.data()), rest.size()};
  const auto sent = SendWithDescriptors(peer_.get(), {&piece, 1}, {}).bytes;
  if (sent < static_cast<ssize_t>(rest.size())) {
    GTEST_SKIP() << "net.core.wmem_max is too little";
  }
  ASSERT_EQ(transport_->Receive().outcome, ReceiveOutcome::kReceived);
  Received received;
  TakeFrames(*transport_, received);
  EXPECT_EQ(received.frames.size(), 3u);
  EXPECT_EQ(faults.CountOf("recvmsg"), 1u);
}

TEST_F(StreamReceivingTest, RefusesSetsWithinALargeFrameAsTheyArrive) {
  const std::string frame = FrameBytes(1, std::string(100'000, 'x'));
  PeerSends(frame.substr(0, 10'000));
  PeerSends(frame.substr(10'000, 1), 5);
  PeerSends(frame.substr(10'001, 1), 5);
  ExpectMalformed("in the middle of a frame");
}

TEST_F(StreamReceivingTest, RefusesASetBeforeItsFrameWasEvenBegun) {
  PeerSends(FrameBytes(1, "x"), 1);
  PeerSends(FrameBytes(2, "y", 1));
  const Received received = ReceiveMore();
  EXPECT_FALSE(received.malformed.ok());
}

TEST_F(StreamReceivingTest, RefusesHugeLengthsAtOnce) {
  std::string header(kFrameHeaderBytes, '\0');
  EncodeFrameHeader({.payload_bytes = 0xffffffff}, header.data());
  PeerSends(header);
  ExpectMalformed("4294967295 bytes");
}

TEST_F(StreamReceivingTest, RefusesHugeCountsOfDescriptors) {
  PeerSends(FrameBytes(1, "", 254), 253);
  ExpectMalformed("254 descriptors");
}

TEST_F(StreamReceivingTest, MarksAFrameWhoseDescriptorsCouldNotBeInstalled) {
  for (const int room : {0, 1, 2}) {
    PeerSends(FrameBytes(1, "before"));
    PeerSends(FrameBytes(2, "with", 3), 3);
    PeerSends(FrameBytes(3, "after"));
    const DescriptorCensus before = TakeCensus();
    Received received;
    {
      OpenFileLimit limit(room);
      received = ReceiveMore();
    }
    EXPECT_EQ(TakeCensus(), before) << "what was installed is closed";
    ASSERT_TRUE(received.malformed.ok()) << received.malformed;
    ASSERT_EQ(received.frames.size(), 3u);
    EXPECT_TRUE(received.frames[1].truncated);
    EXPECT_EQ(received.frames[1].payload, "with") << "it is still whole";
    EXPECT_FALSE(received.frames[0].truncated);
    EXPECT_FALSE(received.frames[2].truncated);
  }
  PeerSends(FrameBytes(4, "again", 3), 3);
  EXPECT_EQ(ReceiveMore().descriptors(), 3u) << "and later ones arrive";
}

TEST_F(StreamReceivingTest, ClosesDescriptorsOfAFrameThatIsNeverCompleted) {
  PeerSends(FrameBytes(1, "payload", 3).substr(0, 10), 3);
  peer_.Reset();
  const Received received = ReceiveMore();
  EXPECT_EQ(received.last, ReceiveOutcome::kClosed);
  EXPECT_TRUE(received.frames.empty());
}

TEST_F(StreamReceivingTest, MindsCredentialsThatComeAlong) {
  const int on = 1;
  ASSERT_EQ(setsockopt(transport_->pollable_fd(), SOL_SOCKET, SO_PASSCRED, &on,
                       sizeof(on)),
            0);
  PeerSends(FrameBytes(1, "plain"));
  PeerSends(FrameBytes(2, "with", 253), 253);
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 2u) << received.malformed;
  EXPECT_EQ(received.frames[1].descriptors.size(), 253u);
}

TEST_F(StreamReceivingTest, SurvivesUrgentBytes) {
  PeerSends(FrameBytes(1, "before"));
  if (send(peer_.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL) != 1) {
    GTEST_SKIP() << "the kernel has none on Unix sockets";
  }
  PeerSends(FrameBytes(2, "after", 1), 1);
  // The kernel decides whether the urgent byte is in the stream. The transport
  // must stop reading in either case.
  const Received received = ReceiveMore();
  ASSERT_GE(received.frames.size(), 1u);
  EXPECT_EQ(received.frames[0].payload, "before");
}

TEST_F(StreamReceivingTest, ReportsWhyReceivingFailed) {
  for (const int error : {ENOMEM, EIO}) {
    FaultInjection faults([&](std::string_view, size_t) {
      return FaultInjection::Fault{.error = error};
    });
    const Transport::ReceiveResult result = transport_->Receive();
    EXPECT_EQ(result.outcome, ReceiveOutcome::kBroken);
    EXPECT_EQ(result.error.code(), absl::StatusCode::kUnavailable);
  }
}

TEST_F(StreamReceivingTest, AResetIsAnEnd) {
  // The peer closes without having read the transport's bytes.
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "unread"));
  ASSERT_EQ(SendOnce(*transport_, frames).sent, 1u);
  peer_.Reset();
  EXPECT_EQ(ReceiveMore().last, ReceiveOutcome::kClosed);
}

}  // namespace
}  // namespace fdrpc::testing
