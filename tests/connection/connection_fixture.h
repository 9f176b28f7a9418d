#ifndef FDRPC_TESTS_CONNECTION_CONNECTION_FIXTURE_H_
#define FDRPC_TESTS_CONNECTION_CONNECTION_FIXTURE_H_

#include <memory>
#include <utility>
#include <vector>

#include "connection/connection.h"
#include "gtest/gtest.h"
#include "tests/connection/recording_role.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"
#include "tests/transport/transport_pairs.h"

namespace fdrpc::testing {

// One side of a connection, and the transport of a peer that sends what a test
// tells it to.
class ConnectionFixture : public ::testing::TestWithParam<TransportKind> {
 protected:
  ConnectionFixture() { Connect(); }

  void Connect(const Hello& hello = {}) {
    connection_.reset();
    role_ = std::make_unique<RecordingRole>();
    std::unique_ptr<Transport> own;
    std::tie(peer_, own) = GetParam().make();
    connection_ = std::make_unique<Connection>(std::move(own), hello, limits_,
                                               Side::kClient, *role_);
  }
  void PeerSends(OutgoingFrame frame) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(std::move(frame));
    ASSERT_EQ(SendOnce(*peer_, frames).outcome,
              Transport::SendResult::Outcome::kSent);
  }
  void PeerSendsHello() { PeerSends(BuildHello({})); }
  // Sends what is queued, and lets the connection read it.
  void ReadAll() {
    while (connection_->Read()) {
    }
  }
  // Both sides' hellos, so that a test begins after them.
  void Handshake() {
    connection_->Flush();
    PeerSendsHello();
    ReadAll();
    ASSERT_EQ(ReceiveAll(*peer_).frames.size(), 1u);
    ASSERT_TRUE(connection_->has_hello());
  }
  void PeerGoes() {
    peer_->Shutdown();
    peer_.reset();  // the socket may be closed a moment later
  }
  // It still reads, and so learns that the peer is gone.
  void ExpectSendingEnded() {
    EXPECT_FALSE(connection_->closed());
    EXPECT_FALSE(connection_->sends());
    EXPECT_EQ(role_->events.back(), "sending ended");
    EXPECT_EQ(connection_->queued_bytes(), 0u);
    EXPECT_FALSE(connection_->Enqueue(NewFrame(9, "late")));
    ReadAll();
    ExpectClosedWith(absl::StatusCode::kUnavailable);
  }
  void ExpectClosedWith(absl::StatusCode code) {
    EXPECT_TRUE(connection_->closed());
    ASSERT_EQ(role_->closed.size(), 1u);
    EXPECT_EQ(role_->closed[0].code(), code) << role_->closed[0];
  }

  ExpectSameDescriptors census_;
  Connection::QueueLimits limits_ = {.bytes = 1u << 20, .descriptors = 128};
  std::unique_ptr<RecordingRole> role_;
  std::unique_ptr<Transport> peer_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONNECTION_CONNECTION_FIXTURE_H_
