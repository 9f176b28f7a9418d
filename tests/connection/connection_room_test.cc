// How a connection limits what is queued: it says that there is no room, and
// reports when there is room again.

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "connection/connection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/connection/connection_fixture.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;

constexpr size_t kMost = 1u << 20;
constexpr size_t kHalf = kMost / 2;

class ConnectionRoomTest : public ConnectionFixture {
 protected:
  static constexpr uint32_t kFiller = 1000;
  static constexpr size_t kFrameBytes = 16 * 1024;

  void SetUp() override { Handshake(); }

  void EnqueueFrame(uint32_t call_id, size_t bytes = kFrameBytes) {
    ASSERT_TRUE(connection_->Enqueue(
        NewFrame(call_id, std::string(bytes - kFrameHeaderBytes, 'x'))));
  }
  // Queues frames of a call until exactly that many bytes are queued.
  void EnqueueUpTo(size_t bytes, uint32_t call_id = kFiller) {
    while (connection_->queued_bytes() + 2 * kFrameBytes < bytes) {
      EnqueueFrame(call_id);
    }
    EnqueueFrame(call_id, bytes - connection_->queued_bytes());
    ASSERT_EQ(connection_->queued_bytes(), bytes);
  }
  // Fills the peer's side.
  void Block() {
    while (!connection_->write_blocked()) {
      EnqueueFrame(kFiller);
      connection_->Flush();
    }
    ASSERT_LT(connection_->queued_bytes(), kHalf);
  }
  // The peer receives a part of what was sent; further frames follow.
  void PeerReadsSome() {
    IncomingFrame frame;
    peer_->Receive();
    while (peer_->Next(frame).outcome == Transport::NextOutcome::kFrame) {
    }
    connection_->OnWritable();
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionRoomTest, kAllTransports,
                         TransportName);

TEST_P(ConnectionRoomTest, HasRoomUntilAMebibyteIsQueued) {
  EXPECT_TRUE(connection_->HasRoom());
  EnqueueUpTo(kMost);
  EXPECT_TRUE(connection_->HasRoom());
  EnqueueFrame(kFiller, kFrameHeaderBytes);
  EXPECT_FALSE(connection_->HasRoom());
  EXPECT_TRUE(connection_->Enqueue(NewFrame(1))) << "it is a question only";
}

TEST_P(ConnectionRoomTest, TellsOnceHalfOfItIsGone) {
  Block();
  EnqueueUpTo(2 * kMost);
  EXPECT_FALSE(connection_->HasRoom());
  while (connection_->queued_bytes() > 0) {
    const bool told = connection_->queued_bytes() <= kHalf;
    EXPECT_EQ(role_->rooms, told ? 1 : 0) << connection_->queued_bytes();
    PeerReadsSome();
  }
  EXPECT_EQ(role_->rooms, 1);
  EXPECT_TRUE(connection_->HasRoom());
}

TEST_P(ConnectionRoomTest, CountsDescriptors) {
  const size_t most = limits_.descriptors;
  const auto enqueue = [this] {
    EXPECT_TRUE(connection_->Enqueue(NewFrame(1, "x", NumberedFiles(1))));
  };
  Block();
  for (size_t i = 0; i < most; ++i) enqueue();
  EXPECT_TRUE(connection_->HasRoom());
  enqueue();
  EXPECT_FALSE(connection_->HasRoom());
  while (connection_->queued_bytes() > 0) PeerReadsSome();
  EXPECT_EQ(connection_->queued_descriptors(), 0u);
  EXPECT_EQ(role_->rooms, 1);
  for (size_t i = 0; i <= most; ++i) enqueue();
  EXPECT_FALSE(connection_->HasRoom());
  EXPECT_EQ(connection_->queued_descriptors(), most + 1);
  connection_->Withdraw(1);
  EXPECT_EQ(connection_->queued_descriptors(), 0u);
}

TEST_P(ConnectionRoomTest, SmallFramesCountAsWhatTheyTake) {
  size_t frames = 0;
  for (; connection_->within_limits(); ++frames) {
    ASSERT_LE(frames, kMost / 64);
    ASSERT_TRUE(connection_->Enqueue(NewFrame(kFiller, "")));
  }
  EXPECT_EQ(frames, kMost / 64 + 1);
}

TEST_P(ConnectionRoomTest, WhereOthersHaveTooManyDescriptorsItHasRoomForSome) {
  UnreceivedDescriptors together(10);
  together.queued.Add(10);
  limits_.together = &together;
  Connect();
  Handshake();
  const auto enqueue = [this] {
    EXPECT_TRUE(connection_->Enqueue(NewFrame(1, "x", NumberedFiles(1))));
  };
  Block();
  EXPECT_TRUE(connection_->HasRoom());
  enqueue();
  EXPECT_EQ(together.queued.held(), 11u);
  EXPECT_FALSE(connection_->HasRoom());
  while (connection_->queued_bytes() > 0) PeerReadsSome();
  EXPECT_EQ(role_->rooms, 1);
  EXPECT_EQ(together.queued.held(), 10u);
  enqueue();
  EXPECT_FALSE(connection_->HasRoom());
  together.queued.Remove(1);
  EXPECT_TRUE(connection_->HasRoom());
  connection_.reset();
  EXPECT_EQ(together.queued.held(), 9u);
}

TEST_P(ConnectionRoomTest, TellsOnceHoweverManyAsked) {
  EnqueueUpTo(kMost + 100);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(connection_->HasRoom());
  connection_->Flush();
  while (connection_->queued_bytes() > 0) PeerReadsSome();
  connection_->Flush();
  connection_->OnWritable();
  EXPECT_EQ(role_->rooms, 1);
}

TEST_P(ConnectionRoomTest, TellsNobodyWhoDidNotAsk) {
  EnqueueUpTo(kMost);
  EXPECT_TRUE(connection_->HasRoom());
  EnqueueUpTo(2 * kMost);
  connection_->Flush();
  while (connection_->queued_bytes() > 0) PeerReadsSome();
  EXPECT_EQ(role_->rooms, 0);
}

TEST_P(ConnectionRoomTest, TellsAgainWhenAskedAgain) {
  for (int i = 1; i <= 3; ++i) {
    EnqueueUpTo(kMost + 100);
    EXPECT_FALSE(connection_->HasRoom());
    connection_->Flush();
    while (connection_->queued_bytes() > 0) PeerReadsSome();
    EXPECT_EQ(role_->rooms, i);
  }
}

TEST_P(ConnectionRoomTest, TheRoleMaySendAsItIsTold) {
  Block();
  EnqueueUpTo(2 * kMost);
  EXPECT_FALSE(connection_->HasRoom());
  role_->on_room = [this] {
    EXPECT_TRUE(connection_->HasRoom());
    if (role_->rooms > 3) return;
    EnqueueUpTo(kMost + 100);
    EXPECT_FALSE(connection_->HasRoom());
    connection_->Flush();
  };
  while (connection_->queued_bytes() > 0) PeerReadsSome();
  EXPECT_EQ(role_->rooms, 4);
}

TEST_P(ConnectionRoomTest, WhatIsWithdrawnMakesRoom) {
  EnqueueUpTo(2 * kMost, 7);
  EXPECT_FALSE(connection_->HasRoom());
  connection_->Withdraw(7);
  EXPECT_EQ(role_->rooms, 0) << "the caller may hold a lock";
  connection_->Flush();
  EXPECT_EQ(role_->rooms, 1) << "though nothing is left to write";
  connection_->Flush();
  EXPECT_EQ(role_->rooms, 1);
}

TEST_P(ConnectionRoomTest, WhatIsWithdrawnMakesRoomBeforeThePeerReads) {
  Block();
  EnqueueUpTo(kMost - 100);
  EnqueueUpTo(2 * kMost, 7);
  EXPECT_FALSE(connection_->HasRoom());
  FaultInjection faults([](auto, auto) { return FaultInjection::Fault{}; });
  connection_->Withdraw(7);
  connection_->Flush();
  EXPECT_EQ(role_->rooms, 0) << "more than half is left";
  connection_->Withdraw(kFiller);
  connection_->Flush();
  EXPECT_EQ(role_->rooms, 1);
  EXPECT_EQ(faults.CountOf("sendmsg"), 0u) << "not tried before OnWritable()";
}

TEST_P(ConnectionRoomTest, WhatARefusedFrameTakesWithItMakesRoom) {
  connection_->Enqueue(NewFrame(7, "refused", NotOpen()));
  EnqueueUpTo(2 * kMost, 7);
  EXPECT_FALSE(connection_->HasRoom());
  connection_->Flush();
  EXPECT_THAT(role_->events, ElementsAre("unsent 7"));
  EXPECT_EQ(role_->rooms, 1);
}

TEST_P(ConnectionRoomTest, TellsWhoAsksWhileAnotherThreadWrites) {
  EnqueueUpTo(2 * kMost);
  {
    bool asked = false;
    FaultInjection faults([&](std::string_view name, size_t) {
      // The system calls that send, for a socket and for the loopback.
      if ((name == "sendmsg" || name == "write") && !asked) {
        asked = true;
        std::jthread([this] { EXPECT_FALSE(connection_->HasRoom()); });
      }
      return FaultInjection::Fault{};
    });
    connection_->Flush();
    EXPECT_TRUE(asked);
  }
  while (connection_->queued_bytes() > 0) PeerReadsSome();
  EXPECT_EQ(role_->rooms, 1);
}

TEST_P(ConnectionRoomTest, TheEndIsToldInsteadOfRoom) {
  Block();
  EnqueueUpTo(2 * kMost);
  EXPECT_FALSE(connection_->HasRoom());
  connection_->Close(absl::CancelledError("why"));
  ExpectClosedWith(absl::StatusCode::kCancelled);
  EXPECT_EQ(role_->rooms, 0);
  EXPECT_TRUE(connection_->HasRoom()) << "nobody waits for what has ended";
  connection_->Flush();
  connection_->OnWritable();
  EXPECT_EQ(role_->rooms, 0);
}

TEST_P(ConnectionRoomTest, TheMaximumIsTheUsersButNotTooLittle) {
  for (const auto& [asked, most] : {std::pair<size_t, size_t>{200'000, 200'000},
                                    std::pair<size_t, size_t>{1, 64 * 1024}}) {
    limits_.bytes = asked;
    Connect();
    Handshake();
    EnqueueUpTo(most);
    EXPECT_TRUE(connection_->HasRoom());
    EnqueueFrame(kFiller, kFrameHeaderBytes + 1);
    EXPECT_FALSE(connection_->HasRoom());
    connection_->Flush();
    EXPECT_EQ(role_->rooms, 1);
  }
}

TEST_P(ConnectionRoomTest, ThePeersEndIsToldInsteadOfRoom) {
  Block();
  EnqueueUpTo(2 * kMost);
  EXPECT_FALSE(connection_->HasRoom());
  PeerGoes();
  connection_->OnWritable();
  ExpectSendingEnded();
  EXPECT_EQ(role_->rooms, 0);
  EXPECT_TRUE(connection_->HasRoom());
}

// Threads that wait for room, like senders of messages.
class ConnectionRoomThreadsTest : public ConnectionRoomTest {
 protected:
  static constexpr uint32_t kThreads = 4;
  static constexpr uint32_t kFrames = 200;  // of each thread
  static constexpr size_t kBytes = 20'000;

  void SetUp() override {
    Handshake();
    role_->on_room = role_->on_closed = [this] {
      MutexLock lock(mu_);
      changed_.SignalAll();
    };
  }
  void SendFrames(uint32_t call_id) {
    for (uint32_t i = 0; i < kFrames; ++i) {
      {
        MutexLock lock(mu_);
        while (!connection_->HasRoom()) changed_.Wait(mu_);
      }
      if (!connection_->Enqueue(NewFrame(call_id, std::string(kBytes, 'x')))) {
        return;
      }
      connection_->Flush();
    }
  }
  std::vector<std::jthread> StartSenders() {
    std::vector<std::jthread> senders;
    for (uint32_t call_id = 1; call_id <= kThreads; ++call_id) {
      senders.emplace_back([this, call_id] { SendFrames(call_id); });
    }
    return senders;
  }
  // As the peer, and as the reader of the connection.
  void ReceiveSome(Received& received) {
    peer_->Receive();
    TakeFrames(*peer_, received);
    ASSERT_TRUE(received.malformed.ok()) << received.malformed;
    if (connection_->write_blocked()) connection_->OnWritable();
    // Each sender that has seen room may add a frame.
    EXPECT_LE(connection_->queued_bytes(), kMost + (kThreads + 1) * 20'016);
  }

  Mutex mu_;
  CondVar changed_;
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionRoomThreadsTest, kAllTransports,
                         TransportName);

TEST_P(ConnectionRoomThreadsTest, NoneWaitsForEver) {
  std::vector<std::jthread> senders = StartSenders();
  Received received;
  while (received.frames.size() < kThreads * kFrames) ReceiveSome(received);
  senders.clear();
  EXPECT_EQ(connection_->queued_bytes(), 0u);
}

TEST_P(ConnectionRoomThreadsTest, NoneWaitsForAConnectionThatHasEnded) {
  std::vector<std::jthread> senders = StartSenders();
  Received received;
  while (received.frames.size() < kThreads * kFrames / 4) ReceiveSome(received);
  // Nobody reads any more: most threads wait.
  connection_->Close(absl::CancelledError("why"));
  senders.clear();
  ExpectClosedWith(absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace fdrpc::testing
