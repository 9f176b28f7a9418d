#ifndef FDRPC_TESTS_TRANSPORT_RING_TRANSPORT_FIXTURE_H_
#define FDRPC_TESTS_TRANSPORT_RING_TRANSPORT_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "tests/transport/transport_pairs.h"
#include "transport/ring_transport.h"
#include "wire/ring_layout.h"

namespace fdrpc::testing {

// Two RingTransports, with the smallest rings, over each kind of socket.
class RingTransportTest : public ::testing::TestWithParam<TransportKind> {
 protected:
  static RingPair Agreed() {
    constexpr uint32_t kBytes = ring_layout::kLeastRingBytes;
    TransportPair sockets = GetParam().make();
    RingPair pair = {
        RingTransport::Create(std::move(sockets.first),
                              {.side = Side::kClient, .ring_bytes = kBytes}),
        RingTransport::Create(std::move(sockets.second),
                              {.side = Side::kServer, .ring_bytes = kBytes})};
    pair.first->OnFeatures(Hello::kRings);
    pair.second->OnFeatures(Hello::kRings);
    return pair;
  }
  static RingPair Switched() {
    RingPair pair = Agreed();
    SwitchToRings(pair);
    return pair;
  }
  static bool Moves(RingTransport& from, RingTransport& to, size_t bytes = 9,
                    size_t descriptors = 0) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(
        NewFrame(1, std::string(bytes, 'x'), NumberedFiles(descriptors)));
    const Received received = SendAndReceiveAll(from, to, frames);
    return received.frames.size() == 1 &&
           received.frames[0].payload.size() == bytes &&
           received.frames[0].descriptors.size() == descriptors;
  }
  static bool InRings(const RingPair& pair) {
    return pair.first->sends_in_ring() && pair.second->sends_in_ring();
  }
  // A few frames in both directions; nothing is lost by that.
  static void Talk(RingPair& pair) {
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(Moves(*pair.first, *pair.second));
      EXPECT_TRUE(Moves(*pair.second, *pair.first));
    }
  }

  ExpectSameDescriptors census_;
};

inline const auto kSockets = ::testing::Values(
    TransportKind{"Stream", StreamPair}, TransportKind{"Packets", PacketPair});

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_TRANSPORT_RING_TRANSPORT_FIXTURE_H_
