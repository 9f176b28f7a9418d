// A RingTransport and a peer that does what it likes: with frames about rings
// on the socket, with its region, and with the order of the two.

#include <fcntl.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "os/shared_region.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/transport/frames.h"
#include "transport/ring_transport.h"
#include "transport/ring_writer.h"
#include "transport/socket_transport.h"
#include "wire/ring_layout.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kSmallRing = ring_layout::kLeastRingBytes;
constexpr size_t kSmallRegion =
    ring_layout::RegionBytes(kSmallRing, kSmallRing);

// A server's transport, and a client made by hand.
class RingReceivingTest : public ::testing::Test {
 protected:
  RingReceivingTest() { Connect(); }

  void Connect(bool agrees = true) {
    auto [peer, own] = SocketPair();
    peer_ = std::move(peer);
    transport_ = RingTransport::Create(
        CreateSocketTransport(std::move(own), SOCK_STREAM),
        {.side = Side::kServer, .ring_bytes = kSmallRing});
    if (agrees) transport_->OnFeatures(Hello::kRings);
    region_ = {};
  }
  static std::string Bytes(FrameType type, uint32_t argument = 0,
                           uint16_t descriptors = 0) {
    std::string bytes(kFrameHeaderBytes, '\0');
    EncodeFrameHeader({.type = static_cast<uint8_t>(type),
                       .descriptor_count = descriptors,
                       .argument = argument},
                      bytes.data());
    return bytes;
  }
  static std::string Plain(std::string_view payload = "plain") {
    return NewFrame(1, payload).head;
  }
  void PeerSends(std::string_view bytes, int fd = -1) {
    const iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
    const std::vector<int> fds(fd < 0 ? 0 : 1, fd);
    ASSERT_EQ(SendWithDescriptors(peer_.get(), {&piece, 1}, fds).bytes,
              static_cast<ssize_t>(bytes.size()));
  }
  void PeerWantsRings() { PeerSends(Bytes(FrameType::kWantRings, kSmallRing)); }
  // Receives all frames that the transport has sent, and the last descriptor.
  std::string PeerReceives() {
    std::string bytes(64u << 10, '\0');
    const iovec piece = {bytes.data(), bytes.size()};
    std::string all;
    while (true) {
      ReceivedDescriptors received;
      const IoResult io =
          ReceiveWithDescriptors(peer_.get(), {&piece, 1}, received);
      if (io.error != 0 || io.bytes == 0) return all;
      all.append(bytes, 0, static_cast<size_t>(io.bytes));
      for (UniqueFd& fd : received.fds) file_ = std::move(fd);
    }
  }
  // The agreement, up to the region, which is then in `file_`.
  void GetRegion() {
    PeerWantsRings();
    ASSERT_TRUE(ReceiveAll(*transport_).malformed.ok());
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(1));
    ASSERT_EQ(SendOnce(*transport_, frames).sent, 1u);
    ASSERT_EQ(PeerReceives(),
              frames[0].head + Bytes(FrameType::kRegion, kSmallRing, 1));
  }
  // And up to the client's to-ring.
  void Switch() {
    GetRegion();
    absl::StatusOr<SharedRegion> joined =
        SharedRegion::Join(std::move(file_), kSmallRegion);
    ASSERT_TRUE(joined.ok()) << joined.status();
    region_ = *std::move(joined);
    PeerSends(Bytes(FrameType::kToRing));
    ASSERT_TRUE(ReceiveAll(*transport_).malformed.ok());
    writer_.emplace(words(), servers_words(), kSmallRing);
  }
  RegionWords words() const { return RegionWords(region_.data()); }
  RegionWords servers_words() const {
    return RegionWords(region_.data() + ring_layout::PartBytes(kSmallRing));
  }
  void Set(size_t offset, uint32_t value) const {
    words().Store(offset, value, std::memory_order_seq_cst);
  }
  void PeerWrites(std::string_view bytes) {
    ASSERT_TRUE(writer_->HasRoom(bytes.size()));
    writer_->Append(bytes);
    writer_->Publish();
  }
  void ExpectMalformed(std::string_view what) {
    const Received received = ReceiveAll(*transport_);
    EXPECT_EQ(received.malformed.code(), absl::StatusCode::kInvalidArgument)
        << what;
    EXPECT_THAT(std::string(received.malformed.message()), HasSubstr(what));
    IncomingFrame frame;
    (void)transport_->Receive();
    EXPECT_EQ(transport_->Next(frame).outcome, Transport::NextOutcome::kNone);
    EXPECT_TRUE(transport_->MayReceive()) << "so that it is noticed";
    Connect();
  }

  ExpectSameDescriptors census_;
  UniqueFd peer_;
  UniqueFd file_;
  std::unique_ptr<RingTransport> transport_;
  SharedRegion region_;  // as the client maps it
  std::optional<RingWriter> writer_;
};

TEST_F(RingReceivingTest, TakesFramesFromTheRingAndFromTheSocketInOrder) {
  Switch();
  PeerWrites(Plain("1") + Plain("2") + Bytes(FrameType::kToSocket));
  PeerSends(Plain("3") + Plain("4") + Bytes(FrameType::kToRing));
  PeerWrites(Plain("5"));
  PeerSends(Bytes(FrameType::kDoorbell) + Bytes(FrameType::kDoorbell));
  const Received received = ReceiveAll(*transport_);
  ASSERT_EQ(received.frames.size(), 5u) << received.malformed;
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(received.frames[i].payload, std::to_string(i + 1));
  }
  EXPECT_TRUE(transport_->PrepareToSleep());
  EXPECT_FALSE(IsReadable(transport_->pollable_fd())) << "no doorbell is left";
}

TEST_F(RingReceivingTest, AFrameWaitsForItsPlaceInTheRing) {
  Switch();
  PeerWrites(Plain("1") + Bytes(FrameType::kToSocket));
  PeerSends(Plain("2") + Bytes(FrameType::kToRing));
  PeerWrites(Plain("3") + Bytes(FrameType::kToSocket));
  PeerSends(Plain("4") + Bytes(FrameType::kToRing));
  // It slept, so it receives from both at once.
  (void)transport_->PrepareToSleep();
  const Received received = ReceiveAll(*transport_);
  ASSERT_EQ(received.frames.size(), 4u) << received.malformed;
  EXPECT_EQ(received.frames[3].payload, "4");
}

TEST_F(RingReceivingTest, WithoutTheAgreementTheseFramesAreNotItsOwn) {
  Connect(/*agrees=*/false);
  PeerSends(Bytes(FrameType::kDoorbell) + Bytes(FrameType::kToRing));
  EXPECT_EQ(ReceiveAll(*transport_).frames.size(), 2u);
}

TEST_F(RingReceivingTest, MistakesOnTheSocketEndIt) {
  for (const auto& [bytes, what] :
       {std::pair{Bytes(FrameType::kToRing), "a ring that is not there"},
        std::pair{Bytes(FrameType::kNoRings), "gives up a ring"},
        std::pair{Bytes(FrameType::kToSocket), "belongs in a ring"},
        std::pair{Bytes(FrameType::kDoorbell, 1), "has an argument"},
        std::pair{Bytes(FrameType::kRegion, kSmallRing), "from a client"},
        std::pair{Bytes(FrameType::kWantRings, kSmallRing + 4096),
                  "no power of two"},
        std::pair{Bytes(FrameType::kWantRings, kSmallRing / 2),
                  "below its limit"}}) {
    PeerSends(bytes);
    ExpectMalformed(what);
  }
}

TEST_F(RingReceivingTest, WantingRingsAtTheWrongTimeEndsIt) {
  PeerWantsRings();
  PeerWantsRings();
  ExpectMalformed("may not now");
  PeerWantsRings();
  PeerSends(Bytes(FrameType::kToRing));
  ExpectMalformed("a ring that is not there");
  Switch();
  PeerWrites(Bytes(FrameType::kToSocket));
  PeerWantsRings();
  ExpectMalformed("may not now");
}

TEST_F(RingReceivingTest, ARegionThatTheClientMayStillChangeEndsIt) {
  GetRegion();
  PeerSends(Bytes(FrameType::kToRing));
  ExpectMalformed("can still be changed");
  GetRegion();
  ASSERT_EQ(pwrite(file_.get(), "x", 1, 0), 1);  // and no other page
  ASSERT_EQ(fcntl(file_.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL),
            0);
  PeerSends(Bytes(FrameType::kToRing));
  ExpectMalformed("has a hole at 4096");
  GetRegion();
  file_.Reset();  // it takes no rings after all
  PeerSends(Bytes(FrameType::kNoRings) + Plain());
  EXPECT_EQ(ReceiveAll(*transport_).frames.size(), 1u);
}

TEST_F(RingReceivingTest, MistakesInTheRingEndIt) {
  for (const FrameType type : {FrameType::kWantRings, FrameType::kToRing,
                               FrameType::kDoorbell, FrameType::kNoRings}) {
    Switch();
    PeerWrites(Bytes(type, type == FrameType::kWantRings ? kSmallRing : 0));
    ExpectMalformed("belongs on the socket");
  }
  Switch();
  PeerWrites(Bytes(FrameType::kToSocket, 7));
  ExpectMalformed("has an argument");
  Switch();
  std::string with_descriptor = Plain();
  with_descriptor[kDescriptorCountOffset] = 1;
  PeerWrites(with_descriptor);
  ExpectMalformed("announces descriptors");
  Switch();
  std::string large = Plain();
  large[3] = 1;  // 16 MiB
  PeerWrites(large);
  ExpectMalformed("the limits are");
}

TEST_F(RingReceivingTest, AFrameOnTheSocketNeedsItsPlaceInTheRing) {
  Switch();
  PeerSends(Plain());
  ExpectMalformed("nothing stands in the ring");
  Switch();
  PeerWrites(Plain());
  PeerSends(Bytes(FrameType::kToRing));
  ExpectMalformed("nothing stands in the ring");
  Switch();
  PeerWrites(Plain().substr(0, 10));
  PeerSends(Bytes(FrameType::kNoRings));
  ExpectMalformed("nothing stands in the ring");
}

TEST_F(RingReceivingTest, AnImpossiblePositionEndsIt) {
  for (const uint32_t written : {kSmallRing + 1, 0x80000000u, 0xffffffffu}) {
    Switch();
    Set(ring_layout::kWritten, written);
    EXPECT_FALSE(transport_->PrepareToSleep());
    ExpectMalformed("is impossible");
  }
  Switch();
  PeerSends(Bytes(FrameType::kDoorbell));
  PeerWrites(Plain());
  EXPECT_EQ(ReceiveAll(*transport_).frames.size(), 1u);
  Set(ring_layout::kWritten, 3);
  ExpectMalformed("is impossible");
}

TEST_F(RingReceivingTest, AnImpossiblePositionOfTheReaderEndsTheSending) {
  Switch();
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 8; ++i) {
    frames.push_back(NewFrame(i, std::string(3000, 'x')));
  }
  Set(ring_layout::kTaken, 0x1000);
  const Transport::SendResult result = SendOnce(*transport_, frames);
  EXPECT_EQ(result.outcome, Transport::SendResult::Outcome::kBroken);
  EXPECT_EQ(result.error.code(), absl::StatusCode::kInternal);
}

TEST_F(RingReceivingTest, WhatIsNotPublishedIsNotThere) {
  Switch();
  PeerWrites(Plain());
  ASSERT_TRUE(writer_->HasRoom(100));
  writer_->Append(Plain("of a process that dies here"));
  peer_.Reset();
  const Received received = ReceiveAll(*transport_);
  EXPECT_EQ(received.frames.size(), 1u);
  EXPECT_EQ(received.last, Transport::ReceiveOutcome::kClosed);
}

TEST_F(RingReceivingTest, AFrameInPartIsNotedUntilItIsWhole) {
  Switch();
  EXPECT_EQ(transport_->PartialFrame(), std::nullopt);
  const std::string frame = Plain("in two parts");
  PeerWrites(frame.substr(0, 20));
  EXPECT_TRUE(ReceiveAll(*transport_).frames.empty());
  EXPECT_NE(transport_->PartialFrame(), std::nullopt);
  transport_->ReleaseIdleMemory();
  PeerWrites(frame.substr(20));
  EXPECT_EQ(ReceiveAll(*transport_).frames.size(), 1u);
  EXPECT_EQ(transport_->PartialFrame(), std::nullopt);
}

TEST_F(RingReceivingTest, AServerWithoutDescriptorsRefusesInPeace) {
  PeerWantsRings();
  EXPECT_TRUE(ReceiveAll(*transport_).malformed.ok());
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1));
  {
    const OpenFileLimit limit(0);
    ASSERT_EQ(SendOnce(*transport_, frames).sent, 1u);
  }
  EXPECT_EQ(PeerReceives(), frames[0].head + Bytes(FrameType::kNoRings));
  PeerSends(Bytes(FrameType::kNoRings) + Plain());
  const Received received = ReceiveAll(*transport_);
  EXPECT_EQ(received.frames.size(), 1u) << received.malformed;
  // As if nothing had been.
  Switch();
}

TEST_F(RingReceivingTest, DoorbellsForNobodyAreSkipped) {
  Switch();
  for (int i = 0; i < 100; ++i) PeerSends(Bytes(FrameType::kDoorbell));
  PeerWrites(Plain());
  const Received received = ReceiveAll(*transport_);
  EXPECT_TRUE(received.malformed.ok()) << received.malformed;
  EXPECT_EQ(received.frames.size(), 1u);
}

TEST_F(RingReceivingTest, AReaderThatNeverSaysWhatItTookHoldsUpNobody) {
  Switch();
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1));
  ASSERT_EQ(SendOnce(*transport_, frames).sent, 1u);
  ASSERT_TRUE(transport_->sends_in_ring());
  Set(ring_layout::kEnd, static_cast<uint32_t>(ring_layout::End::kEnding));
  EXPECT_EQ(SendOnce(*transport_, frames).outcome,
            Transport::SendResult::Outcome::kClosed);
}

// The client rewrites the region at random while the server uses it.
TEST_F(RingReceivingTest, APeerThatRewritesItsRegionHarmsOnlyItself) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Switch();
    std::atomic<bool> stop{false};
    std::thread rewriter([&] {
      std::minstd_rand random(seed);
      const std::string good = Plain() + Plain(std::string(500, 'y'));
      while (!stop.load()) {
        if (random() % 4 != 0 && writer_->valid() &&
            writer_->HasRoom(good.size())) {
          writer_->Append(good);
          writer_->Publish();
          continue;
        }
        if (random() % 20 != 0) {
          words().StoreBytes(ring_layout::kRing + random() % 2000 * 8,
                             random());
          continue;
        }
        constexpr size_t kWords[] = {ring_layout::kWritten, ring_layout::kTaken,
                                     ring_layout::kSleep, ring_layout::kSleep,
                                     ring_layout::kEnd};
        const size_t word = kWords[random() % 5];
        const auto value = static_cast<uint32_t>(random());
        Set(word, value);
        // And the server's words, but not what the client's writer looks at.
        if (word != ring_layout::kTaken) {
          servers_words().Store(word, value + 1, std::memory_order_seq_cst);
        }
      }
    });
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(7, "for the client"));
    Received received;
    for (int i = 0; i < 300 && received.malformed.ok(); ++i) {
      SendOnce(*transport_, frames);
      received.last = transport_->Receive().outcome;
      TakeFrames(*transport_, received);
      for (const ReceivedFrame& frame : received.frames) {
        ASSERT_EQ(frame.payload.size(), frame.header.payload_bytes);
      }
      received.frames.clear();
      (void)transport_->PrepareToSleep();
      if (i % 16 == 0) (void)PeerReceives();
    }
    stop = true;
    rewriter.join();
    Connect();
  }
}

}  // namespace
}  // namespace fdrpc::testing
