#ifndef FDRPC_TESTS_TRANSPORT_TRANSPORT_PAIRS_H_
#define FDRPC_TESTS_TRANSPORT_TRANSPORT_PAIRS_H_

#include <memory>
#include <ostream>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/files.h"
#include "transport/loopback_transport.h"
#include "transport/packet_transport.h"
#include "transport/stream_transport.h"

namespace fdrpc::testing {

// Two transports that are each other's peer.
using TransportPair =
    std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>;

inline TransportPair StreamPair() {
  auto [a, b] = SocketPair();
  return {StreamTransport::Create(std::move(a)),
          StreamTransport::Create(std::move(b))};
}

inline TransportPair PacketPair() {
  auto [a, b] = SocketPair(SOCK_SEQPACKET);
  return {PacketTransport::Create(std::move(a)),
          PacketTransport::Create(std::move(b))};
}

inline TransportPair LoopbackPair() {
  absl::StatusOr<LoopbackTransport::Pair> pair =
      LoopbackTransport::CreatePair(/*capacity=*/1024);
  EXPECT_TRUE(pair.ok()) << pair.status();
  return *std::move(pair);
}

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
    TransportKind{"Loopback", LoopbackPair});

inline std::string TransportName(
    const ::testing::TestParamInfo<TransportKind>& info) {
  return info.param.name;
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_TRANSPORT_TRANSPORT_PAIRS_H_
