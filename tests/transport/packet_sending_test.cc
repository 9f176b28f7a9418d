// What a packet transport sends, and what it does when there is little room, or
// none, or the kernel refuses.

#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "transport/packet_transport.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using SendOutcome = Transport::SendResult::Outcome;

const std::string kLarge(kMaxPacketBytes, 'x');  // with a header, too large

class PacketSendingTest : public ::testing::Test {
 protected:
  PacketSendingTest() {
    auto [a, b] = SocketPair(SOCK_SEQPACKET);
    from_ = std::make_unique<PacketTransport>(std::move(a));
    to_ = std::make_unique<PacketTransport>(std::move(b));
  }
  Transport::SendResult Send() { return SendOnce(*from_, frames_); }
  Received SendAndReceive() { return SendAndReceiveAll(*from_, *to_, frames_); }
  static FaultInjection::Plan Nothing() {
    return [](auto, auto) { return FaultInjection::Fault{}; };
  }
  static FaultInjection::Plan FirstFails(const char* call, int error) {
    return [=](std::string_view name, size_t index) {
      return FaultInjection::Fault{.error =
                                       name == call && index == 0 ? error : 0};
    };
  }
  void FillTheSocket() {
    std::vector<OutgoingFrame> frames;
    for (uint32_t i = 0; i < 100; ++i) {
      frames.push_back(NewFrame(i, std::string(60'000, 'x')));
    }
    ASSERT_EQ(SendOnce(*from_, frames).outcome, SendOutcome::kWouldBlock);
  }

  ExpectSameDescriptors census_;
  std::unique_ptr<PacketTransport> from_;
  std::unique_ptr<PacketTransport> to_;
  std::vector<OutgoingFrame> frames_;
};

TEST_F(PacketSendingTest, SmallFramesShareAPacket) {
  for (uint32_t i = 0; i < 64; ++i) {
    frames_.push_back(i % 2 == 0 ? NewFrame(i, "x") : NewFrameWithBody(i, "y"));
  }
  FaultInjection faults(Nothing());
  EXPECT_EQ(Send().sent, 64u);
  EXPECT_EQ(faults.CountOf("sendmsg"), 1u);
  EXPECT_EQ(ReceiveAll(*to_).frames.size(), 64u);
  EXPECT_EQ(faults.CountOf("recvmsg"), 2u) << "one, and one that finds nothing";
}

TEST_F(PacketSendingTest, APacketIsFilledToTheByte) {
  const std::string half(kMaxPacketBytes / 2 - kFrameHeaderBytes, 'x');
  frames_.push_back(NewFrame(1, half));
  frames_.push_back(NewFrame(2, half));
  frames_.push_back(NewFrame(3));
  frames_.push_back(NewFrame(4, half));
  frames_.push_back(NewFrame(5, half));
  FaultInjection faults(Nothing());
  EXPECT_EQ(Send().sent, 5u);
  EXPECT_EQ(faults.CountOf("sendmsg"), 3u) << "1 and 2, 3 and 4, 5";
  EXPECT_EQ(faults.CountOf("memfd_create"), 0u);
  EXPECT_EQ(ReceiveAll(*to_).frames.size(), 5u);
}

TEST_F(PacketSendingTest, AFrameWithDescriptorsBeginsItsPacket) {
  frames_.push_back(NewFrame(1, "plain"));
  frames_.push_back(NewFrame(2, "with", NumberedFiles(1)));
  frames_.push_back(NewFrame(3, "plain"));
  frames_.push_back(NewFrame(4, "with", NumberedFiles(2)));
  FaultInjection faults(Nothing());
  EXPECT_EQ(Send().sent, 4u);
  EXPECT_EQ(faults.CountOf("sendmsg"), 3u);
  EXPECT_EQ(ReceiveAll(*to_).descriptors(), 3u);
}

TEST_F(PacketSendingTest, TheLargestFrameThatFitsIsNotSealed) {
  frames_.push_back(
      NewFrame(1, std::string(kMaxPacketBytes - kFrameHeaderBytes, 'x')));
  FaultInjection faults(Nothing());
  EXPECT_EQ(SendAndReceive().frames.size(), 1u);
  EXPECT_EQ(faults.CountOf("memfd_create"), 0u);
}

TEST_F(PacketSendingTest, ALargerFrameIsSealedAndOthersShareItsPacket) {
  frames_.push_back(NewFrame(1, "before"));
  frames_.push_back(NewFrameWithBody(2, kLarge, NumberedFiles(2)));
  frames_.push_back(NewFrame(3, "behind"));
  frames_.push_back(NewFrame(4, kLarge));
  FaultInjection faults(Nothing());
  const Received received = SendAndReceive();
  EXPECT_EQ(faults.CountOf("sendmsg"), 3u);
  EXPECT_EQ(faults.CountOf("memfd_create"), 2u);
  ASSERT_EQ(received.frames.size(), 4u) << received.malformed;
  for (const size_t large : {1u, 3u}) {
    EXPECT_EQ(received.frames[large].payload, kLarge);
    EXPECT_EQ(received.frames[large].header,
              DecodeFrameHeader(frames_[large].head.data()))
        << "nothing of it shows";
  }
  EXPECT_EQ(received.frames[1].descriptors.size(), 2u);
  EXPECT_TRUE(AreNumberedFiles(received.frames[1].descriptors));
  EXPECT_EQ(received.frames[2].payload, "behind");
}

TEST_F(PacketSendingTest, PartOfASealedPayloadMayStandInTheHead) {
  OutgoingFrame frame = NewFrameWithBody(1, kLarge);
  FrameHeader header = DecodeFrameHeader(frame.head.data());
  header.payload_bytes += 8;
  EncodeFrameHeader(header, frame.head.data());
  frame.head += "sections";
  frames_.push_back(std::move(frame));
  const Received received = SendAndReceive();
  ASSERT_EQ(received.frames.size(), 1u) << received.malformed;
  EXPECT_EQ(received.frames[0].payload, "sections" + kLarge);
}

TEST_F(PacketSendingTest, AMemoryFileIsMadeOnceForAFrameThatHasToWait) {
  FillTheSocket();
  frames_.push_back(NewFrame(1, kLarge, NumberedFiles(1)));
  FaultInjection faults(Nothing());
  for (int i = 0; i < 3; ++i) {
    const Transport::SendResult result = Send();
    EXPECT_EQ(result.outcome, SendOutcome::kWouldBlock);
    EXPECT_EQ(result.sent, 0u);
    EXPECT_FALSE(result.next_partly_sent);
    EXPECT_EQ(DescriptorsOf(frames_[0]).size(), 1u);
  }
  ReceiveAll(*to_);
  const Received received = SendAndReceive();
  EXPECT_EQ(faults.CountOf("memfd_create"), 1u);
  ASSERT_EQ(received.frames.size(), 1u) << received.malformed;
  EXPECT_EQ(received.frames[0].payload, kLarge);
  EXPECT_FALSE(frames_[0].attached->sealed.ok()) << "closed once it is gone";
}

TEST_F(PacketSendingTest, WhatMemoryFilesInFlightHoldIsBounded) {
  constexpr size_t kFrames = 60;
  const std::string piece(kMaxPieceBytes, 'x');
  for (uint32_t i = 0; i < kFrames; ++i) {
    frames_.push_back(NewFrameWithBody(i, piece));
  }
  const Transport::SendResult result = Send();
  EXPECT_EQ(result.outcome, SendOutcome::kWouldBlock);
  EXPECT_GT(result.sent, 1u);
  EXPECT_LE(result.sent * kMaxPieceBytes, 16u << 20);
  frames_.erase(frames_.begin(),
                frames_.begin() + static_cast<ptrdiff_t>(result.sent));
  EXPECT_EQ(SendAndReceive().frames.size(), kFrames);
}

// What a peer may send over a stream, and a relay passes on.
TEST_F(PacketSendingTest, ALargeFrameWithTheMostDescriptorsIsRefusedAlone) {
  frames_.push_back(NewFrame(1, kLarge, NumberedFiles(kMaxFrameDescriptors)));
  frames_.push_back(NewFrame(2, "x", NumberedFiles(kMaxFrameDescriptors)));
  const Transport::SendResult result = Send();
  EXPECT_EQ(result.outcome, SendOutcome::kRefused);
  EXPECT_EQ(result.error.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(result.error.message()), HasSubstr("253"));
  EXPECT_EQ(result.sent, 0u);
  frames_.erase(frames_.begin());
  EXPECT_EQ(SendAndReceive().frames.size(), 1u);
}

TEST_F(PacketSendingTest, WithoutAMemoryFileThatFrameAloneIsRefused) {
  for (const int error : {EMFILE, ENFILE, ENOMEM}) {
    frames_.clear();
    frames_.push_back(NewFrame(1, kLarge, NumberedFiles(2)));
    frames_.push_back(NewFrame(2, kLarge));
    {
      FaultInjection faults(FirstFails("memfd_create", error));
      const Transport::SendResult result = Send();
      EXPECT_EQ(result.outcome, SendOutcome::kRefused);
      EXPECT_EQ(result.error.code(), absl::StatusCode::kResourceExhausted);
      EXPECT_EQ(result.sent, 0u);
    }
    EXPECT_EQ(DescriptorsOf(frames_[0]).size(), 2u) << "still the frame's";
    frames_.erase(frames_.begin());
    EXPECT_EQ(SendAndReceive().frames.size(), 1u);
  }
}

TEST_F(PacketSendingTest, ASmallSendBufferMakesSmallerPackets) {
  const int least = 1;  // the kernel has a minimum: socket(7)
  ASSERT_EQ(setsockopt(from_->pollable_fd(), SOL_SOCKET, SO_SNDBUF, &least,
                       sizeof(least)),
            0);
  for (const size_t bytes : {0, 1000, 2000, 4000, 5000, 60'000, 100'000}) {
    frames_.push_back(NewFrame(static_cast<uint32_t>(bytes),
                               std::string(bytes, 'x'), NumberedFiles(1)));
  }
  const Received received = SendAndReceive();
  ASSERT_EQ(received.frames.size(), 7u) << received.malformed;
  for (const ReceivedFrame& frame : received.frames) {
    EXPECT_EQ(frame.payload, std::string(frame.header.call_id, 'x'));
    EXPECT_EQ(frame.descriptors.size(), 1u);
  }
}

TEST_F(PacketSendingTest, APacketThatNoBufferTakesIsAnErrorNotAnEndlessLoop) {
  frames_.push_back(NewFrame(1, "x"));
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "sendmsg" ? EMSGSIZE : 0};
  });
  EXPECT_EQ(Send().outcome, SendOutcome::kBroken);
}

TEST_F(PacketSendingTest, RefusalsConcernTheFrameAndLeaveTheConnectionUsable) {
  for (const auto& [error, code] :
       {std::pair{EBADF, absl::StatusCode::kInvalidArgument},
        std::pair{EPERM, absl::StatusCode::kInvalidArgument},
        std::pair{EINVAL, absl::StatusCode::kInvalidArgument},
        std::pair{ETOOMANYREFS, absl::StatusCode::kResourceExhausted},
        std::pair{ENOMEM, absl::StatusCode::kResourceExhausted},
        std::pair{ENOBUFS, absl::StatusCode::kResourceExhausted}}) {
    for (const std::string& payload : {std::string("small"), kLarge}) {
      frames_.clear();
      frames_.push_back(NewFrame(1, payload, NumberedFiles(2)));
      frames_.push_back(NewFrame(2, "next", NumberedFiles(1)));
      {
        FaultInjection faults(FirstFails("sendmsg", error));
        const Transport::SendResult result = Send();
        EXPECT_EQ(result.outcome, SendOutcome::kRefused);
        EXPECT_EQ(result.error.code(), code) << result.error;
        EXPECT_EQ(result.sent, 0u);
      }
      EXPECT_EQ(DescriptorsOf(frames_[0]).size(), 2u) << "still the frame's";
      frames_.erase(frames_.begin());
      const Received received = SendAndReceive();
      ASSERT_EQ(received.frames.size(), 1u);
      EXPECT_EQ(received.frames[0].payload, "next");
    }
  }
}

TEST_F(PacketSendingTest, WithoutDescriptorsOnlyWantOfMemoryIsARefusal) {
  for (const auto& [error, outcome] :
       {std::pair{ENOMEM, SendOutcome::kRefused},
        std::pair{ENOBUFS, SendOutcome::kRefused},
        std::pair{EBADF, SendOutcome::kBroken},
        std::pair{EINVAL, SendOutcome::kBroken},
        std::pair{EIO, SendOutcome::kBroken},
        std::pair{EPIPE, SendOutcome::kClosed},
        std::pair{ECONNRESET, SendOutcome::kClosed},
        std::pair{ECONNREFUSED, SendOutcome::kClosed}}) {
    frames_.clear();
    frames_.push_back(NewFrame(1, "plain"));
    FaultInjection faults(FirstFails("sendmsg", error));
    EXPECT_EQ(Send().outcome, outcome) << error;
  }
}

TEST_F(PacketSendingTest, ASignalDoesNotShowInEitherDirection) {
  frames_.push_back(NewFrame(1, kLarge, NumberedFiles(1)));
  FaultInjection faults([](std::string_view name, size_t index) {
    const bool may_be = name == "sendmsg" || name == "recvmsg" ||
                        name == "write" || name == "pread";
    return FaultInjection::Fault{.error = may_be && index % 3 != 2 ? EINTR : 0};
  });
  EXPECT_EQ(SendAndReceive().descriptors(), 1u);
}

}  // namespace
}  // namespace fdrpc::testing
