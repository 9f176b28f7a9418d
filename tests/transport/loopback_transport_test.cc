#include "transport/loopback_transport.h"

#include <cerrno>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "os/poller.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/transport/frames.h"

namespace fdrpc::testing {
namespace {

using SendOutcome = Transport::SendResult::Outcome;

LoopbackTransport::Pair NewPair(size_t capacity = 1024) {
  absl::StatusOr<LoopbackTransport::Pair> pair =
      LoopbackTransport::CreatePair(capacity);
  EXPECT_TRUE(pair.ok()) << pair.status();
  return *std::move(pair);
}

class LoopbackTransportTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
};

TEST_F(LoopbackTransportTest, HoldsAsManyFramesAsItsCapacityEachWay) {
  auto [a, b] = NewPair(2);
  for (LoopbackTransport* from : {a.get(), b.get()}) {
    std::vector<OutgoingFrame> frames;
    for (uint32_t i = 0; i < 3; ++i) frames.push_back(NewFrame(i));
    const Transport::SendResult result = SendOnce(*from, frames);
    EXPECT_EQ(result.outcome, SendOutcome::kWouldBlock);
    EXPECT_EQ(result.sent, 2u);
    EXPECT_FALSE(result.next_partly_sent);
  }
  EXPECT_EQ(ReceiveAll(*b).frames.size(), 2u);
  std::vector<OutgoingFrame> more;
  more.push_back(NewFrame(3));
  EXPECT_EQ(SendOnce(*a, more).outcome, SendOutcome::kSent);
}

TEST_F(LoopbackTransportTest, AFrameKeepsItsDescriptorsIfNotAllCanCross) {
  auto [a, b] = NewPair();
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "", NumberedFiles(3)));
  {
    OpenFileLimit limit(2);
    const Transport::SendResult result = SendOnce(*a, frames);
    EXPECT_EQ(result.outcome, SendOutcome::kRefused);
    EXPECT_EQ(result.error.code(), absl::StatusCode::kResourceExhausted);
  }
  ASSERT_EQ(DescriptorsOf(frames[0]).size(), 3u);
  EXPECT_EQ(ReadRest(DescriptorsOf(frames[0])[0].get()), "0");
  EXPECT_TRUE(ReceiveAll(*b).frames.empty());
}

TEST_F(LoopbackTransportTest, TakesWhateverItIsGivenUnlessItHasACapacity) {
  absl::StatusOr<LoopbackTransport::Pair> pair =
      LoopbackTransport::CreatePair();
  ASSERT_TRUE(pair.ok()) << pair.status();
  std::vector<OutgoingFrame> frames;
  for (uint32_t i = 0; i < 20000; ++i) frames.push_back(NewFrame(i));
  EXPECT_EQ(SendOnce(*pair->first, frames).outcome, SendOutcome::kSent);
  EXPECT_EQ(ReceiveAll(*pair->second).frames.size(), 20000u);
}

TEST_F(LoopbackTransportTest, WakesTheReceiverOnceForAllThatItHasNotTaken) {
  auto [a, b] = NewPair();
  FaultInjection count(
      [](std::string_view, size_t) { return FaultInjection::Fault{}; });
  for (size_t wakings : {1u, 2u}) {
    for (int sends = 0; sends < 3; ++sends) {
      std::vector<OutgoingFrame> frames;
      for (uint32_t i = 0; i < 5; ++i) frames.push_back(NewFrame(i));
      EXPECT_EQ(SendOnce(*a, frames).sent, 5u);
    }
    EXPECT_EQ(count.CountOf("write"), wakings);
    EXPECT_TRUE(IsReadable(b->pollable_fd()));
    EXPECT_EQ(ReceiveAll(*b).frames.size(), 15u);
    EXPECT_FALSE(IsReadable(b->pollable_fd()));
  }
}

// Edge-triggered, as a loop waits: epoll(7).
TEST_F(LoopbackTransportTest, IsReadableAnewWhenSomethingComesBehindTheLast) {
  auto [a, b] = NewPair();
  absl::StatusOr<Poller> poller = Poller::Create();
  ASSERT_TRUE(poller.ok());
  ASSERT_TRUE(poller->Add(b->pollable_fd(), 1, {.edge_triggered = true}).ok());
  Poller::Event events[2];
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(poller->Wait(absl::MakeSpan(events), MonotonicTime()).empty());
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(i));
    EXPECT_EQ(SendOnce(*a, frames).sent, 1u);
    EXPECT_EQ(poller->Wait(absl::MakeSpan(events), MonotonicTime()).size(), 1u);
    EXPECT_EQ(ReceiveAll(*b).frames.size(), 1u);
  }
}

TEST_F(LoopbackTransportTest, EndsInAChildLeaveTheParentsAlone) {
  auto pair = std::make_unique<LoopbackTransport::Pair>(NewPair());
  LoopbackTransport& a = *pair->first;
  LoopbackTransport& b = *pair->second;
  EXPECT_EQ(InChild([&] {
              pair.reset();
              return 0;
            }),
            0);
  EXPECT_FALSE(IsReadable(b.pollable_fd()));
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1));
  EXPECT_EQ(SendOnce(a, frames).sent, 1u);
  EXPECT_EQ(ReceiveAll(b).frames.size(), 1u);
}

TEST_F(LoopbackTransportTest, AnEndThatGoesClosesWhatItHasNotReceived) {
  auto [a, b] = NewPair();
  const DescriptorCensus before = TakeCensus();
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "", NumberedFiles(3)));
  EXPECT_EQ(SendOnce(*a, frames).sent, 1u);
  EXPECT_NE(TakeCensus(), before);
  b.reset();
  EXPECT_EQ(TakeCensus(), before);
}

TEST_F(LoopbackTransportTest, FailsWithoutDescriptorsLeft) {
  for (const size_t failing : {0u, 1u}) {
    FaultInjection faults([=](std::string_view name, size_t index) {
      return FaultInjection::Fault{
          .error = name == "eventfd" && index == failing ? EMFILE : 0};
    });
    EXPECT_EQ(LoopbackTransport::CreatePair().status().code(),
              absl::StatusCode::kResourceExhausted);
  }
}

TEST_F(LoopbackTransportTest, LosesNothingBetweenThreads) {
  auto [a, b] = NewPair(10);
  constexpr uint32_t kFrames = 500;
  std::thread sender([&from = *a] {
    for (uint32_t i = 0; i < kFrames;) {
      std::vector<OutgoingFrame> frames;
      frames.push_back(NewFrame(i));
      i += static_cast<uint32_t>(SendOnce(from, frames).sent);
    }
  });
  Received received;
  while (received.frames.size() < kFrames) ReceiveAll(*b, received);
  sender.join();
  for (uint32_t i = 0; i < kFrames; ++i) {
    ASSERT_EQ(received.frames[i].header.call_id, i);
  }
}

}  // namespace
}  // namespace fdrpc::testing
