#ifndef FDRPC_TESTS_CLIENT_SCRIPTED_CONNECTION_H_
#define FDRPC_TESTS_CLIENT_SCRIPTED_CONNECTION_H_

#include <cstddef>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "connection/connection.h"
#include "connection/frame_builder.h"
#include "gtest/gtest.h"
#include "tests/connection/recording_role.h"
#include "tests/transport/frames.h"
#include "transport/loopback_transport.h"

namespace fdrpc::testing {

// A connection over memory, and the other side, which sends what a test wants.
class ScriptedConnection {
 public:
  // Each side can send so many frames until the other one receives them.
  explicit ScriptedConnection(
      size_t capacity = std::numeric_limits<size_t>::max()) {
    absl::StatusOr<LoopbackTransport::Pair> pair =
        LoopbackTransport::CreatePair(capacity);
    EXPECT_TRUE(pair.ok());
    peer_ = std::move(pair->second);
    connection_ = std::make_unique<Connection>(
        std::move(pair->first), Hello(),
        Connection::QueueLimits{.bytes = 1u << 20, .descriptors = 16},
        Side::kServer, role_);
  }

  Connection& connection() { return *connection_; }
  // What the connection has reported.
  RecordingRole& role() { return role_; }

  void PeerSends(OutgoingFrame frame) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(std::move(frame));
    EXPECT_EQ(peer_->Send(ToSend(frames)).sent, 1u);
  }
  // Exchanges both hellos, so that a test begins after them.
  void Handshake() {
    connection_->Flush();
    PeerSends(BuildHello({}));
    EXPECT_TRUE(connection_->Read());
    EXPECT_EQ(PeerReceives(), 1u);
  }
  // What the peer has received since the last call, and how many frames.
  std::vector<FrameType> PeerReceivesTypes() {
    std::vector<FrameType> types;
    IncomingFrame frame;
    while (peer_->Receive().outcome == Transport::ReceiveOutcome::kReceived) {
      while (peer_->Next(frame).outcome == Transport::NextOutcome::kFrame) {
        types.push_back(static_cast<FrameType>(frame.header.type));
      }
    }
    return types;
  }
  size_t PeerReceives() { return PeerReceivesTypes().size(); }
  void PeerGoes() { peer_->Shutdown(); }

 private:
  RecordingRole role_;
  std::unique_ptr<Transport> peer_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CLIENT_SCRIPTED_CONNECTION_H_
