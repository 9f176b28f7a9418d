#include "server/server_connection.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/connection_parts.h"
#include "tests/support/descriptor_census.h"
#include "tests/transport/frames.h"
#include "transport/loopback_transport.h"

namespace fdrpc::testing {
namespace {

class InterestedHost final : public ServerConnection::Host {
 public:
  Poller::Interest interest;

 private:
  void OnRequestIncomplete(ServerConnection&) override {}
  void OnInterestChanged(ServerConnection& connection) override {
    interest = connection.interest();
  }
  void OnConnectionClosed(ServerConnection&) override {}
  void OnRingsBegun(ServerConnection&) override {}
};

// A connection whose socket holds few frames, and whose client is the test.
class ServerConnectionTest : public ::testing::Test {
 protected:
  static constexpr size_t kCapacity = 16;

  ServerConnectionTest() {
    auto [server, client] = *LoopbackTransport::CreatePair(kCapacity);
    client_ = std::move(client);
    connection_ = ServerConnection::Create(
        std::move(server), {}, parts_.Admit(), parts_.shared(), host_);
    host_->interest = connection_->interest();
    Send(BuildHello({}));
    Send(BuildMethod(1, "test.Nothing/Call"));
  }
  ~ServerConnectionTest() override {
    connection_->Close(absl::CancelledError("the test is over"));
  }

  // Sends a frame, which the server then reads.
  void Send(OutgoingFrame frame) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(std::move(frame));
    ASSERT_EQ(SendOnce(*client_, frames).sent, 1u);
    EXPECT_TRUE(connection_->OnReadable());
  }
  void SendCall(uint32_t id) {
    OutgoingFrame open =
        NewFrame(id, "", {}, static_cast<uint8_t>(FrameType::kOpen));
    open.head[9] = static_cast<char>(kFlagMessage | kFlagHalfClose);
    open.head[12] = 1;
    Send(std::move(open));
  }

  ExpectSameDescriptors census_;
  // The least that a server queues: 64 KiB.
  ConnectionParts parts_{{.max_queued_bytes_per_connection = 1}};
  const std::shared_ptr<InterestedHost> host_ =
      std::make_shared<InterestedHost>();
  std::unique_ptr<Transport> client_;
  std::shared_ptr<ServerConnection> connection_;
};

TEST_F(ServerConnectionTest, ReadsAgainOnceHalfOfWhatWasDeferredIsWritten) {
  // Each is refused with a status of 64 bytes at least.
  constexpr uint32_t kCalls = 2000;
  parts_.executor.Defer();
  for (uint32_t id = 1; id <= kCalls; ++id) SendCall(id);
  EXPECT_TRUE(host_->interest.readable);
  parts_.executor.WriteDeferred();
  EXPECT_FALSE(host_->interest.readable);
  EXPECT_TRUE(host_->interest.writable);
  size_t received = 0;
  while (!host_->interest.readable) {
    ASSERT_LT(received, kCalls);
    received += ReceiveAll(*client_).frames.size();
    connection_->OnReady({.writable = true});
  }
  EXPECT_GT(received, kCalls / 4);
  EXPECT_LT(received, kCalls - 2 * kCapacity)
      << "not only when all are written";
}

}  // namespace
}  // namespace fdrpc::testing
