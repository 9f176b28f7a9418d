#include "server/connection_timeouts.h"

#include <memory>
#include <utility>

#include "gtest/gtest.h"
#include "server/connection_set.h"
#include "tests/server/connection_parts.h"
#include "tests/server/incoming_call_fixture.h"
#include "tests/transport/frames.h"
#include "transport/loopback_transport.h"

namespace fdrpc::testing {
namespace {

// Connections in a set, as in a server, whose clients belong to the test.
class ConnectionTimeoutsTest : public ::testing::Test {
 protected:
  ~ConnectionTimeoutsTest() override {
    for (const auto& connection : set_->All()) connection->CloseForShutdown();
  }

  std::shared_ptr<ServerConnection> Connect() {
    auto [server_end, client_end] = *LoopbackTransport::CreatePair();
    client_ = std::move(client_end);
    auto connection = ServerConnection::Create(
        std::move(server_end), {}, parts_.Admit(), parts_.shared(), set_);
    set_->Add(connection);
    return connection;
  }
  std::shared_ptr<ServerConnection> ConnectAndSayHello() {
    auto connection = Connect();
    Send(*connection, BuildHello({}));
    EXPECT_TRUE(connection->has_hello());
    return connection;
  }
  void Send(ServerConnection& connection, OutgoingFrame frame) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(std::move(frame));
    SendOnce(*client_, frames);
    connection.OnReadable();
  }
  void Advance(MonotonicTime now) { set_->timeouts().Advance(now, draining_); }
  MonotonicTime next() { return set_->timeouts().next(); }

  ExpectSameDescriptors census_;
  const MonotonicTime begin_ = Clock::Real().Now();
  const MonotonicTime late_ = DeadlineAfter(begin_, absl::Hours(3));
  ConnectionParts parts_{
      {.handshake_timeout = absl::Hours(1), .request_timeout = absl::Hours(1)}};
  KeepingService keeping_{MethodKind::kUnary};
  std::shared_ptr<ConnectionSet> set_ = std::make_shared<ConnectionSet>(
      parts_.options, *parts_.reactor, parts_.waker, Clock::Real());
  DrainingConnections draining_;
  std::unique_ptr<Transport> client_;
};

TEST_F(ConnectionTimeoutsTest, AHandshakeThatIsLateEndsTheConnection) {
  const auto connection = Connect();
  EXPECT_NE(next(), kNoDeadline);
  Advance(begin_);
  EXPECT_FALSE(connection->closed());
  Advance(late_);
  EXPECT_TRUE(connection->closed());
  EXPECT_TRUE(set_->empty());
  EXPECT_EQ(next(), kNoDeadline);
}

TEST_F(ConnectionTimeoutsTest, NobodyWakesForAHandshakeThatIsDone) {
  const auto connection = ConnectAndSayHello();
  Advance(begin_);
  EXPECT_EQ(next(), kNoDeadline);
  Advance(late_);
  EXPECT_FALSE(connection->closed());
}

TEST_F(ConnectionTimeoutsTest, ARequestThatDoesNotEndEndsTheConnection) {
  parts_.registry.Add(keeping_);
  const auto connection = ConnectAndSayHello();
  Send(*connection, BuildMethod(1, "test.Keeping/Call"));
  Advance(begin_);
  EXPECT_EQ(next(), kNoDeadline);
  OutgoingFrame open =
      NewFrame(1, "", {}, static_cast<uint8_t>(FrameType::kOpen));
  open.head[9] = static_cast<char>(kFlagMessage | kFlagMore);
  open.head[12] = 1;
  Send(*connection, std::move(open));
  EXPECT_NE(next(), kNoDeadline);
  Advance(begin_);
  EXPECT_FALSE(connection->closed());
  Advance(late_);
  EXPECT_TRUE(connection->closed());
}

class ConnectionAgesTest : public ConnectionTimeoutsTest {
 protected:
  ConnectionAgesTest() {
    parts_.options.max_connection_age = absl::Hours(2);
    parts_.options.max_connection_age_grace = absl::Hours(1);
    set_ = std::make_shared<ConnectionSet>(parts_.options, *parts_.reactor,
                                           parts_.waker, Clock::Real());
  }
};

TEST_F(ConnectionAgesTest, OneThatIsOldDrainsAndEndsAfterItsGrace) {
  const auto connection = ConnectAndSayHello();
  Advance(begin_);
  EXPECT_FALSE(connection->draining());
  Advance(late_);
  EXPECT_TRUE(connection->draining());
  EXPECT_FALSE(draining_.empty());
  EXPECT_LT(draining_.next(), late_) << "it may be shut out soon";
  draining_.Advance(begin_, /*server_ends=*/false);
  EXPECT_FALSE(connection->closed());
  draining_.EndBy(begin_);
  draining_.Advance(begin_, /*server_ends=*/true);
  EXPECT_TRUE(connection->closed());
  EXPECT_TRUE(draining_.empty());
}

class ConnectionIdlesTest : public ConnectionTimeoutsTest {
 protected:
  ConnectionIdlesTest() {
    parts_.options.max_connection_idle = absl::Hours(1);
    set_ = std::make_shared<ConnectionSet>(parts_.options, *parts_.reactor,
                                           parts_.waker, Clock::Real());
  }
};

TEST_F(ConnectionIdlesTest, OneThatHadNoCallBetweenTwoLooksDrains) {
  parts_.registry.Add(keeping_);
  const auto connection = ConnectAndSayHello();
  Send(*connection, BuildMethod(1, "test.Keeping/Call"));
  OutgoingFrame open =
      NewFrame(1, "", {}, static_cast<uint8_t>(FrameType::kOpen));
  open.head[9] = static_cast<char>(kFlagMessage | kFlagHalfClose);
  open.head[12] = 1;
  Send(*connection, std::move(open));
  parts_.executor.RunPosted();
  Advance(late_);
  EXPECT_FALSE(connection->draining()) << "a call is in progress";
  const Text reply;
  const OutgoingMessage message(reply);
  std::exchange(keeping_.served, nullptr)->Finish(absl::OkStatus(), &message);
  const MonotonicTime later = DeadlineAfter(late_, absl::Hours(1));
  Advance(later);
  EXPECT_FALSE(connection->draining()) << "one was at the last look";
  Advance(DeadlineAfter(later, absl::Hours(1)));
  EXPECT_TRUE(connection->draining());
  EXPECT_FALSE(draining_.empty());
  draining_.EndBy(begin_);
  draining_.Advance(begin_, /*server_ends=*/true);
}

}  // namespace
}  // namespace fdrpc::testing
