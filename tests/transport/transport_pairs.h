#ifndef FDRPC_TESTS_TRANSPORT_TRANSPORT_PAIRS_H_
#define FDRPC_TESTS_TRANSPORT_TRANSPORT_PAIRS_H_

#include <memory>
#include <ostream>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "transport/loopback_transport.h"
#include "transport/packet_transport.h"
#include "transport/ring_transport.h"
#include "transport/stream_transport.h"

namespace fdrpc::testing {

// Two transports that are each other's peer.
using TransportPair =
    std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>;

inline TransportPair StreamPair() {
  auto [a, b] = SocketPair();
  return {std::make_unique<StreamTransport>(std::move(a)),
          std::make_unique<StreamTransport>(std::move(b))};
}

inline TransportPair PacketPair() {
  auto [a, b] = SocketPair(SOCK_SEQPACKET);
  return {std::make_unique<PacketTransport>(std::move(a)),
          std::make_unique<PacketTransport>(std::move(b))};
}

inline TransportPair LoopbackPair() {
  absl::StatusOr<LoopbackTransport::Pair> pair =
      LoopbackTransport::CreatePair(/*capacity=*/1024);
  EXPECT_TRUE(pair.ok()) << pair.status();
  return *std::move(pair);
}

// The client's side, and the server's.
using RingPair =
    std::pair<std::unique_ptr<RingTransport>, std::unique_ptr<RingTransport>>;

// Two transports that can have rings, and have none yet.
inline RingPair AgreedRings(TransportPair sockets) {
  RingPair pair = {
      RingTransport::Create(std::move(sockets.first), {.side = Side::kClient}),
      RingTransport::Create(std::move(sockets.second),
                            {.side = Side::kServer})};
  pair.first->OnFeatures(Hello::kRings);
  pair.second->OnFeatures(Hello::kRings);
  return pair;
}

// Sends frames in both directions until all that follows is in the rings.
inline void SwitchToRings(RingPair& pair) {
  pair.first->OnBusy();
  for (int round = 0; round < 3; ++round) {
    for (auto& [from, to] : {std::pair(pair.first.get(), pair.second.get()),
                             std::pair(pair.second.get(), pair.first.get())}) {
      std::vector<OutgoingFrame> frames;
      frames.push_back(NewFrame(1));
      EXPECT_EQ(SendAndReceiveAll(*from, *to, frames).frames.size(), 1u);
    }
  }
  EXPECT_TRUE(pair.first->sends_in_ring() && pair.first->receives_in_ring());
  EXPECT_TRUE(pair.second->sends_in_ring() && pair.second->receives_in_ring());
}

inline TransportPair InRings(TransportPair sockets) {
  RingPair pair = AgreedRings(std::move(sockets));
  SwitchToRings(pair);
  return {std::move(pair.first), std::move(pair.second)};
}
inline TransportPair StreamRingPair() { return InRings(StreamPair()); }
inline TransportPair PacketRingPair() { return InRings(PacketPair()); }

// A kind of transport, for tests that run over each.
struct TransportKind {
  const char* name;
  TransportPair (*make)();

  friend std::ostream& operator<<(std::ostream& to, const TransportKind& kind) {
    return to << kind.name;
  }
};

inline const auto kAllTransports = ::testing::Values(
    TransportKind{"Stream", StreamPair}, TransportKind{"Packets", PacketPair},
    TransportKind{"Loopback", LoopbackPair},
    TransportKind{"StreamRings", StreamRingPair},
    TransportKind{"PacketRings", PacketRingPair});

inline std::string TransportName(
    const ::testing::TestParamInfo<TransportKind>& info) {
  return info.param.name;
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_TRANSPORT_TRANSPORT_PAIRS_H_
