#include "os/descriptor_flight.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

constexpr size_t kMost = DescriptorFlight::kMost;
// The limit that several sockets share.
constexpr size_t kTogether = 10;

class DescriptorFlightTest : public ::testing::TestWithParam<int> {
 protected:
  DescriptorFlightTest() {
    auto [sender, receiver] = SocketPair(GetParam());
    sender_ = std::move(sender);
    receiver_ = std::move(receiver);
  }

  bool MaySend(size_t descriptors) {
    flight_.BeforeSend(sender_.get());
    return flight_.MaySend(sender_.get(), descriptors);
  }
  void Send(size_t descriptors, size_t bytes = 40) {
    std::string data(bytes, 'x');
    const iovec piece = {.iov_base = data.data(), .iov_len = bytes};
    const std::vector<int> fds(descriptors, file_.get());
    const IoResult io = SendWithDescriptors(sender_.get(), {&piece, 1}, fds);
    ASSERT_EQ(io.error, 0);
    flight_.Sent(static_cast<size_t>(io.bytes), descriptors);
  }
  // One message.
  bool Receive(size_t bytes = 40) {
    std::string data(bytes, '\0');
    const iovec piece = {.iov_base = data.data(), .iov_len = bytes};
    ReceivedDescriptors received;
    return ReceiveWithDescriptors(receiver_.get(), {&piece, 1}, received)
               .bytes > 0;
  }
  bool Writable() {
    pollfd polled = {.fd = sender_.get(), .events = POLLOUT, .revents = 0};
    return poll(&polled, 1, 0) == 1;
  }
  int SendBuffer() {
    int bytes = 0;
    socklen_t size = sizeof(bytes);
    getsockopt(sender_.get(), SOL_SOCKET, SO_SNDBUF, &bytes, &size);
    return bytes;
  }
  void SendUntilItMayNot() {
    size_t sent = 0;
    for (; MaySend(1); ++sent) {
      ASSERT_LT(sent, 2 * kMost);
      Send(1);
    }
    EXPECT_EQ(flight_.in_flight(), kMost);
  }

  ExpectSameDescriptors census_;
  const UniqueFd file_ = FileWith("x");
  UniqueFd sender_;
  UniqueFd receiver_;
  DescriptorQuota together_{kTogether};
  DescriptorFlight flight_;
};
INSTANTIATE_TEST_SUITE_P(Over, DescriptorFlightTest,
                         ::testing::Values(SOCK_STREAM, SOCK_SEQPACKET));

TEST_P(DescriptorFlightTest, HasABoundThatTheReceiverLifts) {
  const int buffer = SendBuffer();
  SendUntilItMayNot();
  EXPECT_FALSE(Writable()) << "a thread that polls for it would spin";
  size_t received = 0;
  while (!Writable()) {
    ASSERT_TRUE(Receive());
    ++received;
  }
  EXPECT_GE(received, kMost / 4);
  EXPECT_LE(received, kMost * 3 / 4);
  EXPECT_TRUE(MaySend(1));
  EXPECT_EQ(SendBuffer(), buffer) << "as large as before";
  while (Receive()) {
  }
  SendUntilItMayNot();
}

TEST_P(DescriptorFlightTest, WhatAReceiverTakesAtOnceIsNotBounded) {
  FaultInjection counts([](auto, auto) { return FaultInjection::Fault{}; });
  for (size_t i = 0; i < 100 * kMost; ++i) {
    ASSERT_TRUE(MaySend(1));
    Send(1);
    ASSERT_TRUE(Receive());
  }
  EXPECT_LE(counts.CountOf("unreceived_bytes"), 101u);
  EXPECT_EQ(counts.CountOf("setsockopt"), 0u);
}

TEST_P(DescriptorFlightTest, OneMessageMayHaveMoreThanTheBound) {
  EXPECT_TRUE(MaySend(kMaxDescriptorsPerSend));
  Send(kMaxDescriptorsPerSend, 4000);
  EXPECT_FALSE(MaySend(1));
  EXPECT_FALSE(Writable());
  ASSERT_TRUE(Receive(4000));
  EXPECT_TRUE(Writable());
  EXPECT_TRUE(MaySend(kMaxDescriptorsPerSend));
}

TEST_P(DescriptorFlightTest, SocketsHaveABoundTogether) {
  {
    auto [other_sender, other_receiver] = SocketPair(GetParam());
    DescriptorFlight other;
    other.CountTogether(together_);
    std::string data(4000, 'x');
    const iovec piece = {.iov_base = data.data(), .iov_len = data.size()};
    const auto other_sends = [&, socket = other_sender.get()](size_t count) {
      other.BeforeSend(socket);
      if (!other.MaySend(socket, count)) return false;
      const std::vector<int> fds(count, file_.get());
      const IoResult io = SendWithDescriptors(socket, {&piece, 1}, fds);
      other.Sent(static_cast<size_t>(io.bytes), count);
      return io.error == 0;
    };
    flight_.CountTogether(together_);
    for (size_t i = 0; i < kTogether; ++i) {
      ASSERT_TRUE(MaySend(1));
      Send(1);
    }
    EXPECT_FALSE(MaySend(1));
    EXPECT_FALSE(Writable());
    EXPECT_TRUE(other_sends(2)) << "it has nothing in flight";
    EXPECT_FALSE(other_sends(1));
    while (Receive()) {
    }
    EXPECT_TRUE(MaySend(1));
    EXPECT_EQ(together_.held(), 2u);
    EXPECT_TRUE(other_sends(kTogether - 2));
    EXPECT_FALSE(other_sends(1));
    EXPECT_EQ(together_.held(), kTogether);
  }
  EXPECT_EQ(together_.held(), 0u) << "a socket that is gone";
}

TEST_P(DescriptorFlightTest, BytesWithoutDescriptorsBehindThemDoNotCount) {
  Send(kMost);
  for (int i = 0; i < 50; ++i) Send(0);
  EXPECT_FALSE(MaySend(1));
  for (int i = 0; i < 25; ++i) ASSERT_TRUE(Receive());
  EXPECT_TRUE(MaySend(kMost)) << "those before them have been received";
  EXPECT_EQ(flight_.in_flight(), 0u);
}

TEST_P(DescriptorFlightTest, WhereTheKernelDoesNotSayTheBoundIsItsOwn) {
  FaultInjection faults(
      FaultInjection::FailFirst("unreceived_bytes", 1000, ENOTTY));
  for (size_t i = 0; i < kMost + 10; ++i) {
    ASSERT_TRUE(MaySend(1));
    Send(1);
  }
}

TEST_P(DescriptorFlightTest, WhereTheSocketCannotBeAskedToWaitNothingWaits) {
  for (size_t i = 0; i < kMost; ++i) Send(1);
  FaultInjection faults(FaultInjection::FailFirst("setsockopt", 1, EPERM));
  EXPECT_TRUE(MaySend(1));
  EXPECT_FALSE(MaySend(1));
}

}  // namespace
}  // namespace fdrpc::testing
