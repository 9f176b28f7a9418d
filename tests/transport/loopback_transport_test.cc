#include "transport/loopback_transport.h"

#include <cerrno>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
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
  ASSERT_EQ(frames[0].descriptors.size(), 3u);
  EXPECT_EQ(ReadRest(frames[0].descriptors[0].get()), "0");
  EXPECT_TRUE(ReceiveAll(*b).frames.empty());
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
