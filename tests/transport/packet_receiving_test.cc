// How a packet transport handles the packets, descriptors and memory files that
// a peer may send, valid or not.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/sealed_memory.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/transport/receiving_fixture.h"
#include "wire/limits.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using ReceiveOutcome = Transport::ReceiveOutcome;

std::string HeaderBytes(FrameHeader header) {
  std::string bytes(kFrameHeaderBytes, '\0');
  header.type = static_cast<uint8_t>(FrameType::kMessage);
  EncodeFrameHeader(header, bytes.data());
  return bytes;
}

// The part of a sealed frame that is in the packet.
std::string SealedHeader(uint32_t bytes, uint16_t descriptor_count = 1) {
  return HeaderBytes({.payload_bytes = bytes,
                      .call_id = 1,
                      .flags = kFlagSealed | kFlagMessage,
                      .descriptor_count = descriptor_count});
}

UniqueFd Sealed(const std::string& content) {
  const iovec piece = {const_cast<char*>(content.data()), content.size()};
  absl::StatusOr<UniqueFd> file = SealInMemory({&piece, 1});
  EXPECT_TRUE(file.ok()) << file.status();
  return *std::move(file);
}

class PacketReceivingTest : public ReceivingFixture {
 protected:
  PacketReceivingTest() : ReceivingFixture(SOCK_SEQPACKET) {}

  using ReceivingFixture::PeerSends;
  void PeerSends(std::string_view bytes, UniqueFd file) {
    DescriptorSet set;
    set.push_back(std::move(file));
    PeerSendsFiles(bytes, set);
  }
};

TEST_F(PacketReceivingTest, APacketMayHoldManyFrames) {
  std::string packet = FrameBytes(1, "with", 3);
  for (uint32_t i = 2; i <= 1000; ++i) packet += FrameBytes(i, "x");
  PeerSends(packet, 3);
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 1000u) << received.malformed;
  EXPECT_EQ(received.frames[0].descriptors.size(), 3u);
  EXPECT_EQ(received.frames[999].header.call_id, 1000u);
}

TEST_F(PacketReceivingTest, AnEmptyPayloadMayHaveDescriptors) {
  PeerSends(FrameBytes(1, "", 253), 253);
  EXPECT_EQ(ReceiveMore().descriptors(), 253u);
}

TEST_F(PacketReceivingTest, APacketMayBeAsLongAsTheLimitAndNoLonger) {
  const std::string most(kMaxPacketBytes - kFrameHeaderBytes, 'x');
  PeerSends(FrameBytes(1, most));
  EXPECT_EQ(ReceiveMore().frames.at(0).payload, most);
  PeerSends(FrameBytes(1, most) + "x");
  ExpectMalformed("longer than the protocol's limit");
  PeerSends(FrameBytes(1, most) + "x", 3);
  ExpectMalformed("");
}

TEST_F(PacketReceivingTest, RefusesAPacketThatEndsWithinAFrame) {
  const std::string frame = FrameBytes(1, "payload");
  for (size_t bytes = 1; bytes < frame.size(); ++bytes) {
    PeerSends(frame.substr(0, bytes));
    ExpectMalformed("ends within a frame");
    PeerSends(frame + frame.substr(0, bytes));
    const Received received = ReceiveMore();
    EXPECT_EQ(received.frames.size(), 1u);
    EXPECT_FALSE(received.malformed.ok());
    Connect();
  }
}

TEST_F(PacketReceivingTest, RefusesDescriptorsThatAreNotOfTheFirstFrame) {
  PeerSends(FrameBytes(1, "x", 2), 3);
  ExpectMalformed("announces 2 descriptors but 3 came");
  PeerSends(FrameBytes(1, "x", 3), 2);
  ExpectMalformed("announces 3 descriptors but 2 came");
  PeerSends(FrameBytes(1, "x", 1));
  ExpectMalformed("none came with it");
  PeerSends(FrameBytes(1, "x"), 1);
  ExpectMalformed("announces 0 descriptors but 1 came");
  PeerSends(FrameBytes(1, "x") + FrameBytes(2, "x", 1), 1);
  ExpectMalformed("announces 0 descriptors but 1 came");
}

TEST_F(PacketReceivingTest, RefusesDescriptorsOfAFrameBehindTheFirst) {
  PeerSends(FrameBytes(1, "x", 1) + FrameBytes(2, "x", 1), 1);
  const Received received = ReceiveMore();
  EXPECT_EQ(received.frames.size(), 1u);
  EXPECT_THAT(std::string(received.malformed.message()),
              HasSubstr("does not begin its packet"));
}

TEST_F(PacketReceivingTest, RefusesHugeLengthsAndCountsAtOnce) {
  PeerSends(HeaderBytes({.payload_bytes = 0xffffffff}));
  ExpectMalformed("4294967295 bytes");
  PeerSends(FrameBytes(1, "", 254), 253);
  ExpectMalformed("254 descriptors");
  PeerSends(SealedHeader(kMaxFramePayloadBytes + 1), Sealed("x"));
  ExpectMalformed("1048577 bytes");
}

TEST_F(PacketReceivingTest, AnEmptyPacketIsTheEndUnlessItHasDescriptors) {
  ASSERT_EQ(send(peer_.get(), "", 0, 0), 0);
  EXPECT_EQ(transport_->Receive().outcome, ReceiveOutcome::kClosed);
  PeerSends("", 2);
  ExpectMalformed("ends within a frame");
}

TEST_F(PacketReceivingTest, MarksAFrameWhoseDescriptorsCouldNotBeInstalled) {
  for (const int room : {0, 1, 2}) {
    PeerSends(FrameBytes(1, "with", 3) + FrameBytes(2, "behind"), 3);
    const DescriptorCensus before = TakeCensus();
    Received received;
    {
      OpenFileLimit limit(room);
      received = ReceiveMore();
    }
    EXPECT_EQ(TakeCensus(), before) << "what was installed is closed";
    ASSERT_EQ(received.frames.size(), 2u) << received.malformed;
    EXPECT_TRUE(received.frames[0].truncated);
    EXPECT_FALSE(received.frames[0].payload_lost);
    EXPECT_EQ(received.frames[0].payload, "with");
    EXPECT_FALSE(received.frames[1].truncated);
  }
}

TEST_F(PacketReceivingTest, MarksAFrameWhosePayloadCouldNotBeInstalled) {
  for (const int room : {0, 1}) {
    DescriptorSet set = NumberedFiles(1);
    set.push_back(Sealed("payload"));
    PeerSendsFiles(SealedHeader(7, 2) + FrameBytes(2, "behind"), set);
    Received received;
    {
      OpenFileLimit limit(room);
      received = ReceiveMore();
    }
    ASSERT_EQ(received.frames.size(), 2u) << received.malformed;
    EXPECT_TRUE(received.frames[0].truncated);
    EXPECT_TRUE(received.frames[0].payload_lost);
    EXPECT_EQ(received.frames[0].payload, "");
    EXPECT_EQ(received.frames[0].header.flags, kFlagMessage);
    EXPECT_EQ(received.frames[1].payload, "behind");
  }
}

TEST_F(PacketReceivingTest, ASealedFrameMayBeSmall) {
  PeerSends(SealedHeader(7), Sealed("payload"));
  PeerSends(SealedHeader(0), Sealed(""));
  const Received received = ReceiveMore();
  ASSERT_EQ(received.frames.size(), 2u) << received.malformed;
  EXPECT_EQ(received.frames[0].payload, "payload");
  EXPECT_EQ(received.frames[1].payload, "");
  EXPECT_EQ(received.descriptors(), 0u);
}

TEST_F(PacketReceivingTest, RefusesASealedFrameWhoseFileIsNotWhatItSays) {
  PeerSends(SealedHeader(7), Sealed("payloa"));
  ExpectMalformed("has 6 bytes instead of 7");
  PeerSends(SealedHeader(5), Sealed("payload"));
  ExpectMalformed("has 7 bytes instead of 5");
  PeerSends(SealedHeader(1), FileWith("x"));
  ExpectMalformed("sealed memory file");
  PeerSends(SealedHeader(1), std::move(Pipe().first));
  ExpectMalformed("has no seals");
  PeerSends(SealedHeader(1), UniqueFd(open("/dev/zero", O_RDONLY | O_CLOEXEC)));
  ExpectMalformed("has no seals");
  UniqueFd unsealed(memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(write(unsealed.get(), "x", 1), 1);
  PeerSends(SealedHeader(1), std::move(unsealed));
  ExpectMalformed("can still be changed");
}

TEST_F(PacketReceivingTest, RefusesASealedFrameWithoutItsFile) {
  PeerSends(SealedHeader(7, 0) + "payload");
  ExpectMalformed("without its memory file");
  PeerSends(SealedHeader(7, 1));
  ExpectMalformed("none came with it");
  PeerSends(SealedHeader(7, 1), 2);
  ExpectMalformed("but 2 came");
  PeerSends(SealedHeader(7, 2), Sealed("payload"));
  ExpectMalformed("but 1 came");
  PeerSends(FrameBytes(1, "first") + SealedHeader(7, 1), Sealed("payload"));
  ExpectMalformed("announces 0 descriptors but 1 came");
}

TEST_F(PacketReceivingTest, RefusesASealedFrameThatCannotBeRead) {
  PeerSends(SealedHeader(7), Sealed("payload"));
  FaultInjection faults([](std::string_view name, size_t) {
    return FaultInjection::Fault{.error = name == "pread" ? ENOMEM : 0};
  });
  ExpectMalformed("cannot be read");
}

TEST_F(PacketReceivingTest, GivesItsMemoryBackOnceItIsIdle) {
  PeerSends(FrameBytes(1, "one") + FrameBytes(2, "two"));
  ASSERT_EQ(transport_->Receive().outcome, ReceiveOutcome::kReceived);
  IncomingFrame frame;
  ASSERT_EQ(transport_->Next(frame).outcome, Transport::NextOutcome::kFrame);
  transport_->ReleaseIdleMemory();
  EXPECT_EQ(frame.payload, "one") << "it is not idle";
  ASSERT_EQ(transport_->Next(frame).outcome, Transport::NextOutcome::kFrame);
  transport_->ReleaseIdleMemory();
  PeerSends(FrameBytes(3, "three"));
  EXPECT_EQ(ReceiveMore().frames.at(0).payload, "three");
}

TEST_F(PacketReceivingTest, MindsCredentialsThatComeAlong) {
  const int on = 1;
  ASSERT_EQ(setsockopt(transport_->pollable_fd(), SOL_SOCKET, SO_PASSCRED, &on,
                       sizeof(on)),
            0);
  PeerSends(FrameBytes(2, "with", 253), 253);
  EXPECT_EQ(ReceiveMore().descriptors(), 253u);
}

TEST_F(PacketReceivingTest, WhatAPeerSentBeforeItWentWithoutReadingIsThere) {
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "unread"));
  ASSERT_EQ(SendOnce(*transport_, frames).sent, 1u);
  PeerSends(FrameBytes(1, "its last", 2), 2);
  PeerSends(FrameBytes(2, "words"));
  peer_.Reset();
  const Received received = ReceiveMore();
  EXPECT_EQ(received.last, ReceiveOutcome::kClosed);
  ASSERT_EQ(received.frames.size(), 2u);
  EXPECT_EQ(received.descriptors(), 2u);
}

TEST_F(PacketReceivingTest, ReportsWhyReceivingFailed) {
  for (const int error : {ENOMEM, EIO}) {
    FaultInjection faults([&](std::string_view, size_t) {
      return FaultInjection::Fault{.error = error};
    });
    const Transport::ReceiveResult result = transport_->Receive();
    EXPECT_EQ(result.outcome, ReceiveOutcome::kBroken);
    EXPECT_EQ(result.error.code(), absl::StatusCode::kUnavailable);
  }
}

}  // namespace
}  // namespace fdrpc::testing
