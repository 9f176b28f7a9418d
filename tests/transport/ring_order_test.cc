// The order of the frames of a RingTransport, whatever the two sides do at the
// same time.

#include <poll.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"
#include "tests/transport/frames.h"
#include "tests/transport/ring_transport_fixture.h"

namespace fdrpc::testing {
namespace {

using SendOutcome = Transport::SendResult::Outcome;
using ReceiveOutcome = Transport::ReceiveOutcome;

class RingOrderTest : public RingTransportTest {};

INSTANTIATE_TEST_SUITE_P(Over, RingOrderTest, kSockets, TransportName);

// Frames of one direction, numbered, and what has become of them.
class Flow {
 public:
  Flow(RingTransport& from, RingTransport& to, unsigned seed)
      : from_(from), to_(to), random_(seed) {}

  // Does something that one of the two sides may do now.
  void Step(bool adds) {
    switch (random_() % (adds ? 3 : 2)) {
      case 0:
        Receive();
        break;
      case 1:
        Send();
        break;
      default:
        Add();
    }
  }
  bool done() const { return queue_.empty() && received_ == added_; }
  uint32_t received() const { return received_; }

 private:
  void Add() {
    const uint32_t number = added_++;
    size_t bytes = random_() % 200;
    if (random_() % 8 == 0) bytes = random_() % 6000;
    if (random_() % 64 == 0) bytes = random_() % 300'000;
    const size_t descriptors = random_() % 10 == 0 ? random_() % 3 + 1 : 0;
    const std::string payload(bytes, static_cast<char>(number));
    queue_.push_back(
        random_() % 2 == 0
            ? NewFrame(number, payload, NumberedFiles(descriptors))
            : NewFrameWithBody(number, payload, NumberedFiles(descriptors)));
  }
  void Send() {
    std::vector<FrameToSend> frames = ToSend(queue_);
    if (!partly_sent_) frames.resize(random_() % (frames.size() + 1));
    const Transport::SendResult result = from_.Send(frames);
    ASSERT_TRUE(result.outcome == SendOutcome::kSent ||
                result.outcome == SendOutcome::kWouldBlock)
        << result.error;
    partly_sent_ = result.next_partly_sent;
    queue_.erase(queue_.begin(),
                 queue_.begin() + static_cast<long>(result.sent));
  }
  void Receive() {
    const ReceiveOutcome outcome = to_.Receive().outcome;
    ASSERT_TRUE(outcome == ReceiveOutcome::kReceived ||
                outcome == ReceiveOutcome::kWouldBlock);
    // Whoever waits now must be woken for what comes; the others look.
    if (outcome == ReceiveOutcome::kWouldBlock && random_() % 2 == 0) {
      (void)to_.PrepareToSleep();
    }
    Received received;
    TakeFrames(to_, received);
    ASSERT_TRUE(received.malformed.ok()) << received.malformed;
    for (const ReceivedFrame& frame : received.frames) {
      ASSERT_EQ(frame.header.call_id, received_);
      ASSERT_EQ(frame.header.payload_bytes, frame.payload.size());
      ASSERT_EQ(frame.payload.find_first_not_of(static_cast<char>(received_)),
                std::string::npos);
      ASSERT_EQ(frame.descriptors.size(), frame.header.descriptor_count);
      ASSERT_TRUE(AreNumberedFiles(frame.descriptors));
      ++received_;
    }
  }

  RingTransport& from_;
  RingTransport& to_;
  std::minstd_rand random_;
  std::deque<OutgoingFrame> queue_;
  bool partly_sent_ = false;
  uint32_t added_ = 0;
  uint32_t received_ = 0;
};

// Everything at once, in many orders: offers, giving up, full rings and
// sockets, descriptors, large frames, short writes.
void MoveInRandomOrder(RingPair& pair, unsigned seed, int steps) {
  auto& [client, server] = pair;
  std::minstd_rand random(seed);
  Flow there(*client, *server, seed + 1);
  Flow back(*server, *client, seed + 2);
  int in_rings = 0;
  for (int step = 0; step < steps || !there.done() || !back.done(); ++step) {
    ASSERT_LT(step, 100 * steps) << "it does not end";
    const bool adds = step < steps;
    (random() % 2 == 0 ? there : back).Step(adds);
    if (::testing::Test::HasFatalFailure()) return;
    if (random() % 50 == 0) client->OnBusy();
    if (random() % 400 == 0) client->OnIdle();
    if (random() % 400 == 0) server->OnIdle();
    in_rings += client->sends_in_ring() && server->sends_in_ring() ? 1 : 0;
  }
  EXPECT_GT(in_rings, 0);
  EXPECT_GT(there.received(), 0u);
}

TEST_P(RingOrderTest, NoFrameIsLostDoubledOrReordered) {
  for (unsigned seed = 0; seed < (kSanitized ? 5 : 20); ++seed) {
    SCOPED_TRACE(seed);
    RingPair pair = Agreed();
    MoveInRandomOrder(pair, seed, 2000);
    if (HasFatalFailure()) return;
  }
}

TEST_P(RingOrderTest, NorWithShortWritesAndReads) {
  if (std::string_view(GetParam().name) == "Packets") {
    GTEST_SKIP() << "a packet is sent as a whole";
  }
  std::atomic<unsigned> calls{0};
  FaultInjection faults([&](std::string_view name, size_t) {
    FaultInjection::Fault fault;
    if (name == "sendmsg" || name == "recvmsg") {
      const unsigned call = ++calls;
      if (call % 3 == 0) fault.most_bytes = call % 37 + 1;
      if (call % 11 == 0) fault.error = EAGAIN;
    }
    return fault;
  });
  for (unsigned seed = 0; seed < (kSanitized ? 3 : 10); ++seed) {
    SCOPED_TRACE(seed);
    RingPair pair = Agreed();
    MoveInRandomOrder(pair, seed, 1000);
    if (HasFatalFailure()) return;
  }
}

// A thread that waits as every reader does.
bool WaitAndReceive(RingTransport& transport, Received& received) {
  if (transport.PrepareToSleep()) {
    pollfd polled = {
        .fd = transport.pollable_fd(), .events = POLLIN, .revents = 0};
    if (poll(&polled, 1, 20'000) != 1) {
      ADD_FAILURE() << "a wake-up is lost";
      return false;
    }
  }
  received.last = transport.Receive().outcome;
  TakeFrames(transport, received);
  return received.last != ReceiveOutcome::kClosed && received.malformed.ok();
}

void SendAll(RingTransport& transport, std::vector<OutgoingFrame>& frames) {
  std::vector<FrameToSend> left = ToSend(frames);
  while (!left.empty()) {
    const Transport::SendResult result = transport.Send(left);
    left.erase(left.begin(), left.begin() + static_cast<long>(result.sent));
    if (result.outcome == SendOutcome::kWouldBlock) {
      pollfd polled = {
          .fd = transport.pollable_fd(), .events = POLLOUT, .revents = 0};
      poll(&polled, 1, -1);
    } else {
      ASSERT_EQ(result.outcome, SendOutcome::kSent) << result.error;
    }
  }
}

TEST_P(RingOrderTest, TwoThreadsThatSleepAnswerEachOther) {
  RingPair pair = Agreed();
  pair.first->OnBusy();
  constexpr uint32_t kRounds = kSanitized ? 1000 : 5000;
  std::thread server([&] {
    Received received;
    for (uint32_t round = 0; round < kRounds;) {
      if (!WaitAndReceive(*pair.second, received)) return;
      for (ReceivedFrame& frame : std::exchange(received.frames, {})) {
        std::vector<OutgoingFrame> answer;
        answer.push_back(NewFrame(frame.header.call_id, frame.payload,
                                  NumberedFiles(round % 100 == 0 ? 1 : 0)));
        SendAll(*pair.second, answer);
        ++round;
      }
    }
  });
  Received received;
  for (uint32_t round = 0; round < kRounds; ++round) {
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(round, std::to_string(round)));
    SendAll(*pair.first, frames);
    while (received.frames.size() == round) {
      if (!WaitAndReceive(*pair.first, received)) break;
    }
    if (HasFailure()) break;
    ASSERT_EQ(received.frames[round].payload, std::to_string(round));
    received.frames[round].descriptors.clear();
  }
  server.join();
  EXPECT_TRUE(InRings(pair));
}

TEST_P(RingOrderTest, AThreadThatSendsFasterThanTheOtherReadsWaits) {
  RingPair pair = Switched();
  constexpr uint32_t kFrames = kSanitized ? 5000 : 30'000;
  std::thread sender([&] {
    for (uint32_t i = 0; i < kFrames; i += 10) {
      std::vector<OutgoingFrame> frames;
      for (uint32_t j = 0; j < 10; ++j) {
        frames.push_back(NewFrame(i + j, std::string(300, 'x')));
      }
      SendAll(*pair.first, frames);
    }
  });
  uint32_t next = 0;
  Received received;
  while (next < kFrames && WaitAndReceive(*pair.second, received)) {
    for (const ReceivedFrame& frame : std::exchange(received.frames, {})) {
      ASSERT_EQ(frame.header.call_id, next++);
    }
  }
  sender.join();
  EXPECT_EQ(next, kFrames);
}

TEST_P(RingOrderTest, WhatIsSentBeforeTheReaderEndsArrives) {
  // However the two meet: what counts as sent is received, and nothing else.
  for (int round = 0; round < (kSanitized ? 20 : 200); ++round) {
    RingPair pair = Switched();
    std::atomic<uint32_t> sent{0};
    std::thread sender([&] {
      while (true) {
        std::vector<OutgoingFrame> frames;
        frames.push_back(NewFrame(sent.load(), "x"));
        const Transport::SendResult result = SendOnce(*pair.first, frames);
        if (result.sent == 1) ++sent;
        if (result.outcome == SendOutcome::kClosed) return;
        if (result.outcome == SendOutcome::kWouldBlock)
          std::this_thread::yield();
      }
    });
    Received received;
    while (sent.load() < static_cast<uint32_t>(round)) {
      ReceiveAll(*pair.second, received);
    }
    pair.second->ShutdownReceive();
    sender.join();
    ReceiveAll(*pair.second, received);
    EXPECT_EQ(received.last, ReceiveOutcome::kClosed);
    ASSERT_EQ(received.frames.size(), sent.load());
  }
}

}  // namespace
}  // namespace fdrpc::testing
