// Two connections that move from their socket to rings while they are used, and
// end or pause at every step of that.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connection/connection.h"
#include "gtest/gtest.h"
#include "tests/connection/recording_role.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/sanitized.h"
#include "tests/transport/frames.h"
#include "tests/transport/transport_pairs.h"
#include "transport/ring_transport.h"

namespace fdrpc::testing {
namespace {

// One side, and what it has been told to send.
struct RingEnd {
  std::unique_ptr<RecordingRole> role = std::make_unique<RecordingRole>();
  RingTransport* transport = nullptr;  // the connection's
  std::unique_ptr<Connection> connection;
  uint32_t enqueued = 0;
};

class ConnectionRingsTest : public ::testing::TestWithParam<TransportKind> {
 protected:
  ConnectionRingsTest() { Connect(); }

  void Connect(bool server_has_rings = true) {
    ends_ = {};
    auto [client, server] = GetParam().make();
    const Connection::QueueLimits limits = {.bytes = 1u << 20,
                                            .descriptors = 128};
    auto with_rings = RingTransport::Create(
        std::move(client), {.side = Side::kClient,
                            .ring_bytes = ring_layout::kLeastRingBytes,
                            .at_once = true});
    ends_[0].transport = with_rings.get();
    ends_[0].connection = std::make_unique<Connection>(
        std::move(with_rings), Hello{}, limits, Side::kServer, *ends_[0].role);
    if (server_has_rings) {
      auto rings = RingTransport::Create(
          std::move(server),
          {.side = Side::kServer, .ring_bytes = ring_layout::kLeastRingBytes});
      ends_[1].transport = rings.get();
      server = std::move(rings);
    }
    ends_[1].connection = std::make_unique<Connection>(
        std::move(server), Hello{}, limits, Side::kClient, *ends_[1].role);
  }

  // One thing that this end can do: which one follows from `step`.
  void Step(RingEnd& end, unsigned step) {
    switch (step % 4) {
      case 0:
        Enqueue(end);
        break;
      case 1:
        end.connection->Flush();
        break;
      default:
        if (end.connection->write_blocked()) end.connection->OnWritable();
        end.connection->Read();
    }
  }
  void Enqueue(RingEnd& end) {
    if (!end.connection->HasRoom()) return;
    const uint32_t number = ++end.enqueued;
    const size_t bytes = number % 16 == 0 ? 20'000 : number % 300;
    OutgoingFrame frame =
        NewFrameWithBody(number, std::string(bytes, 'x'),
                         NumberedFiles(number % 5 == 0 ? 1 : 0));
    if (!end.connection->Enqueue(std::move(frame))) --end.enqueued;
  }
  // Until nothing moves any more.
  void Finish() {
    for (int idle = 0; idle < 5; ++idle) {
      for (RingEnd& end : ends_) {
        if (end.connection->write_blocked()) end.connection->OnWritable();
        end.connection->Flush();
        while (end.connection->Read()) idle = 0;
      }
    }
  }
  // What arrived is what was enqueued, in order, from its beginning; and
  // nothing that arrived was reported as unsent.
  void ExpectInOrder(const RingEnd& from, const RingEnd& to) {
    uint32_t next = 1;
    for (const ReceivedFrame& frame : to.role->frames) {
      ASSERT_EQ(frame.header.call_id, next++);
      ASSERT_EQ(frame.descriptors.size(), frame.header.descriptor_count);
      ASSERT_EQ(frame.payload.size(), frame.header.payload_bytes);
    }
    ASSERT_LE(next - 1, from.enqueued);
    uint32_t unsent = 0;
    for (const RecordingRole::Unsent& frame : from.role->unsent) {
      ASSERT_GE(frame.frame.call_id, next) << "it was received";
      ASSERT_GT(frame.frame.call_id, unsent) << "each once, in order";
      unsent = frame.frame.call_id;
    }
  }
  bool both_in_rings() const {
    return ends_[0].transport->sends_in_ring() &&
           ends_[1].transport->sends_in_ring();
  }

  ExpectSameDescriptors census_;
  std::array<RingEnd, 2> ends_;
};

INSTANTIATE_TEST_SUITE_P(Over, ConnectionRingsTest,
                         ::testing::Values(TransportKind{"Stream", StreamPair},
                                           TransportKind{"Packets",
                                                         PacketPair}),
                         TransportName);

TEST_P(ConnectionRingsTest, MovesToRingsWhileItIsUsed) {
  for (unsigned seed = 1; seed <= (kSanitized ? 5 : 20); ++seed) {
    Connect();
    std::minstd_rand random(seed);
    bool in_rings = false;
    for (int i = 0; i < 400; ++i) {
      Step(ends_[random() % 2], static_cast<unsigned>(random() / 7));
      in_rings = in_rings || both_in_rings();
    }
    Finish();
    EXPECT_TRUE(in_rings);
    for (const int side : {0, 1}) {
      ExpectInOrder(ends_[side], ends_[1 - side]);
      EXPECT_EQ(ends_[1 - side].role->frames.size(), ends_[side].enqueued);
      EXPECT_FALSE(ends_[side].connection->closed());
    }
  }
}

TEST_P(ConnectionRingsTest, APeerWithoutTheFeatureNeverNotices) {
  Connect(/*server_has_rings=*/false);
  for (unsigned i = 0; i < 200; ++i) Step(ends_[i % 2], i / 2);
  Finish();
  ASSERT_EQ(ends_[1].role->hellos.size(), 1u);
  EXPECT_EQ(ends_[1].role->hellos[0].features, Hello::kRings);
  EXPECT_FALSE(ends_[0].transport->sends_in_ring());
  for (const int side : {0, 1}) {
    ExpectInOrder(ends_[side], ends_[1 - side]);
    EXPECT_EQ(ends_[1 - side].role->frames.size(), ends_[side].enqueued);
    EXPECT_FALSE(ends_[side].connection->closed());
  }
}

TEST_P(ConnectionRingsTest, EndsAtEveryStep) {
  enum class How { kClosed, kKilled, kStopsReceiving };
  constexpr unsigned kSteps = 70;
  for (const How how : {How::kClosed, How::kKilled, How::kStopsReceiving}) {
    for (const int ending : {0, 1}) {
      bool in_rings = false;
      for (unsigned end = 0; end < kSteps; ++end) {
        SCOPED_TRACE(end);
        Connect();
        for (unsigned i = 0; i < end; ++i) Step(ends_[i % 2], i / 2);
        in_rings = in_rings || both_in_rings();
        RingEnd& dying = ends_[ending];
        RingEnd& other = ends_[1 - ending];
        switch (how) {
          case How::kClosed:
            dying.connection->Close(absl::CancelledError("enough"));
            break;
          case How::kKilled:
            // The kernel closes its socket, and no word of its region changes.
            ::shutdown(dying.connection->pollable_fd(), SHUT_RDWR);
            break;
          case How::kStopsReceiving:
            dying.connection->ReadRest();
            break;
        }
        for (unsigned i = 0; i < 8; ++i) Step(other, i);
        while (other.connection->Read()) {
        }
        if (how == How::kStopsReceiving) {
          // What counts as sent has arrived, because nobody died.
          other.connection->Flush();
          while (dying.connection->Read()) {
          }
          EXPECT_EQ(dying.role->frames.size() + other.role->unsent.size(),
                    other.enqueued);
        } else {
          EXPECT_TRUE(other.connection->closed());
          EXPECT_EQ(other.role->closed.size(), 1u);
        }
        ExpectInOrder(dying, other);
        ExpectInOrder(other, dying);
        if (HasFatalFailure()) return;
      }
      EXPECT_TRUE(in_rings);
    }
  }
}

TEST_P(ConnectionRingsTest, PausesAtEveryStep) {
  for (const int pausing : {0, 1}) {
    for (unsigned at = 0; at < 60; ++at) {
      SCOPED_TRACE(at);
      Connect();
      for (unsigned i = 0; i < at; ++i) Step(ends_[i % 2], i / 2);
      // The other one fills the ring, and then the socket.
      for (unsigned i = 0; i < 1000; ++i) Step(ends_[1 - pausing], i);
      EXPECT_FALSE(ends_[1 - pausing].connection->closed());
      Finish();
      for (const int side : {0, 1}) {
        ExpectInOrder(ends_[side], ends_[1 - side]);
        ASSERT_EQ(ends_[1 - side].role->frames.size(), ends_[side].enqueued);
      }
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace fdrpc::testing
