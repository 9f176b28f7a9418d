// Many threads on one connection. Most useful under the thread sanitizer.

#include <poll.h>

#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "connection/connection.h"
#include "gtest/gtest.h"
#include "tests/connection/connection_fixture.h"

namespace fdrpc::testing {
namespace {

class ConnectionThreadsTest : public ConnectionFixture {
 protected:
  static constexpr uint32_t kThreads = 4;
  static constexpr uint32_t kCalls = 50;  // of each thread
  static constexpr uint32_t kPieces = 3;  // of each call

  // Sends calls of `kPieces` frames each. Returns how many were accepted.
  uint32_t SendCalls(uint32_t thread) {
    uint32_t taken = 0;
    for (uint32_t i = 0; i < kCalls; ++i) {
      const uint32_t call_id = 1 + thread * kCalls + i;
      OutgoingFrames frames;
      for (uint32_t piece = 0; piece < kPieces; ++piece) {
        frames.push_back(NewFrame(call_id, std::to_string(piece),
                                  NumberedFiles(piece == 1 ? 1 : 0)));
      }
      if (connection_->Enqueue(frames)) ++taken;
      connection_->Flush();
    }
    return taken;
  }
  std::vector<std::jthread> StartSenders(std::atomic<uint32_t>& taken) {
    std::vector<std::jthread> senders;
    for (uint32_t thread = 0; thread < kThreads; ++thread) {
      senders.emplace_back(
          [this, thread, &taken] { taken += SendCalls(thread); });
    }
    return senders;
  }
};

INSTANTIATE_TEST_SUITE_P(Transports, ConnectionThreadsTest, kAllTransports,
                         TransportName);

TEST_P(ConnectionThreadsTest, KeepFramesThatWereQueuedTogetherTogether) {
  for (int round = 0; round < 10; ++round) {
    Connect();
    Handshake();
    std::atomic<uint32_t> taken{0};
    std::vector<std::jthread> senders = StartSenders(taken);
    Received received;
    while (received.frames.size() < kThreads * kCalls * kPieces) {
      ReceiveAll(*peer_, received);
      ASSERT_TRUE(received.malformed.ok()) << received.malformed;
      if (connection_->write_blocked()) connection_->OnWritable();
      std::this_thread::yield();
    }
    senders.clear();
    EXPECT_EQ(taken, kThreads * kCalls);
    std::set<uint32_t> seen;
    for (size_t i = 0; i < received.frames.size(); i += kPieces) {
      const uint32_t call_id = received.frames[i].header.call_id;
      EXPECT_TRUE(seen.insert(call_id).second);
      for (uint32_t piece = 0; piece < kPieces; ++piece) {
        const ReceivedFrame& frame = received.frames[i + piece];
        ASSERT_EQ(frame.header.call_id, call_id);
        ASSERT_EQ(frame.payload, std::to_string(piece));
        ASSERT_EQ(frame.descriptors.size(), piece == 1 ? 1u : 0u);
      }
    }
    EXPECT_EQ(seen.size(), kThreads * kCalls);
    EXPECT_EQ(connection_->queued_bytes(), 0u);
    EXPECT_TRUE(role_->events.empty());
  }
}

TEST_P(ConnectionThreadsTest, AccountForEveryFrameWhenOneCloses) {
  for (int round = 0; round < 20; ++round) {
    Connect();
    Handshake();
    std::atomic<uint32_t> taken{0};
    {
      std::vector<std::jthread> senders = StartSenders(taken);
      std::jthread closer([this, round] {
        for (int i = 0; i < round * 10; ++i) std::this_thread::yield();
        connection_->Close(absl::CancelledError("why"));
      });
    }
    const Received received = ReceiveAll(*peer_);
    EXPECT_EQ(received.last, Transport::ReceiveOutcome::kClosed);
    std::map<std::pair<uint32_t, std::string>, int> seen;
    for (const ReceivedFrame& frame : received.frames) {
      ++seen[{frame.header.call_id, frame.payload}];
    }
    for (const RecordingRole::Unsent& unsent : role_->unsent) {
      ++seen[{unsent.frame.call_id,
              unsent.frame.head.substr(kFrameHeaderBytes)}];
    }
    for (const auto& [frame, count] : seen) EXPECT_EQ(count, 1);
    // On a stream, one may have been cut off in the middle.
    EXPECT_LE(seen.size(), taken * kPieces);
    EXPECT_GE(seen.size() + 1, taken * kPieces);
    ExpectClosedWith(absl::StatusCode::kCancelled);
    EXPECT_EQ(role_->events.back(), "closed");
    EXPECT_EQ(connection_->queued_bytes(), 0u);
  }
}

TEST_P(ConnectionThreadsTest, ReadWhileOthersWrite) {
  Handshake();
  role_->on_frame = [this](const FrameHeader& header) {
    connection_->Enqueue(NewFrame(header.call_id, "reply"));
    connection_->Flush();
    return absl::OkStatus();
  };
  std::atomic<uint32_t> taken{0};
  std::vector<std::jthread> senders = StartSenders(taken);
  constexpr uint32_t kFirstReply = 1'000'000;
  constexpr uint32_t kRequests = 200;
  std::atomic<bool> done{false};
  std::jthread reader([&] {
    while (!done) {
      connection_->Read();
      if (connection_->write_blocked()) connection_->OnWritable();
    }
  });
  for (uint32_t i = 0; i < kRequests; ++i) {
    PeerSends(NewFrame(kFirstReply + i, "request"));
  }
  Received received;
  while (received.frames.size() < kThreads * kCalls * kPieces + kRequests) {
    ReceiveAll(*peer_, received);
    std::this_thread::yield();
  }
  done = true;
  reader.join();
  senders.clear();
  uint32_t next = kFirstReply;
  for (const ReceivedFrame& frame : received.frames) {
    if (frame.payload == "reply") {
      EXPECT_EQ(frame.header.call_id, next++);
    }
  }
  EXPECT_EQ(next, kFirstReply + kRequests);
}

}  // namespace
}  // namespace fdrpc::testing
