// Clients of calls in datagrams that do not read the answers, and knocks that
// keep a server busy: what they may make it hold.
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/conformance/hostile_datagrams_fixture.h"
#include "tests/conformance/raw_datagrams.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/support/raw_frame.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

TEST_F(HostileDatagramsTest,
       AnswersToClientsThatDoNotReadAreDroppedAndCounted) {
  // More of them than the server's sockets for this user have buffer for.
  constexpr size_t kBytes = 10'000;
  service_.put = [](ServerContext&, Parcel<Files>&, Text& reply) {
    reply.set_data(std::string(kBytes, 'x'));
    return absl::OkStatus();
  };
  RawCall put;
  put.method = "fdrpc.testing.TestService/Put";
  const uint64_t before = server_->statistics().datagram_calls;
  constexpr int kSilent = 60;
  std::vector<RawSocket> silent;
  for (int i = 0; i < kSilent; ++i) {
    silent.push_back(RawSocket::Autobound());
    for (int j = 0; j < 12; ++j) {
      while (silent.back().SendTo(server_name_, put.Bytes()) == EAGAIN) {
        std::this_thread::yield();
      }
    }
  }
  while (server_->statistics().datagram_calls < before + kSilent * 12 ||
         server_->statistics().dropped_replies < kSilent) {
    std::this_thread::yield();
  }
  ExpectServes();
  // What is unread is bounded: by the common socket, and four of the user.
  size_t unread = 0;
  for (const RawSocket& client : silent) {
    for (; client.HasDatagram(); ++unread) (void)client.Receive();
  }
  int send_buffer = 0;
  socklen_t length = sizeof(send_buffer);
  ASSERT_EQ(
      getsockopt(client_.fd(), SOL_SOCKET, SO_SNDBUF, &send_buffer, &length),
      0);
  EXPECT_LE(unread, 5 * (static_cast<size_t>(send_buffer) / kBytes + 1));
  // One that has gone.
  const uint64_t dropped = server_->statistics().dropped_replies;
  std::promise<void> running, go_on;
  service_.get = [&](ServerContext&, const Text&, Parcel<Files>& reply) {
    running.set_value();
    go_on.get_future().wait();
    reply.set_first(FileWith("x"));
    return absl::OkStatus();
  };
  {
    RawCall call;
    call.method = "fdrpc.testing.TestService/Get";
    ASSERT_EQ(RawSocket::Autobound().SendTo(server_name_, call.Bytes()), 0);
  }
  running.get_future().wait();
  go_on.set_value();
  while (server_->statistics().dropped_replies == dropped) {
    std::this_thread::yield();
  }
}

TEST_F(HostileDatagramsTest, DescriptorsThatAUserDoesNotReceiveAreLimited) {
  const RawCall call = GetCall(60);
  std::vector<RawSocket> silent;
  for (int i = 0; i < 10; ++i) {
    silent.push_back(RawSocket::Autobound());
    while (silent.back().SendTo(server_name_, call.Bytes()) == EAGAIN) {
      std::this_thread::yield();
    }
  }
  int with = 0;
  int without = 0;
  for (const RawSocket& client : silent) {
    if (!client.HasDatagram()) {
      pollfd polled = {.fd = client.fd(), .events = POLLIN, .revents = 0};
      ASSERT_EQ(poll(&polled, 1, 60'000), 1);
    }
  }
  for (const RawSocket& client : silent) {
    (client.Receive().fds.empty() ? without : with) += 1;
  }
  EXPECT_GE(with, 2);
  EXPECT_GE(without, 2);
}

// Whoever reads makes nobody forget what others have not read.
TEST_F(HostileDatagramsTest, DescriptorsThatAreNotReceivedCountUntilTheyAre) {
  constexpr int kSilent = 16;
  const RawCall many = GetCall(60);
  const RawCall one = GetCall(1);
  std::vector<RawSocket> silent;
  for (int i = 0; i < kSilent; ++i) {
    silent.push_back(RawSocket::Autobound());
    ASSERT_EQ(silent.back().SendTo(server_name_, many.Bytes()), 0);
    pollfd polled = {.fd = silent.back().fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&polled, 1, 60'000), 1);
    for (int j = 0; j < 50; ++j) {
      ASSERT_EQ(client_.SendTo(server_name_, one.Bytes()), 0);
      (void)client_.Receive();
    }
  }
  size_t in_flight = 0;
  for (const RawSocket& client : silent) {
    in_flight += client.Receive().fds.size();
  }
  // Four sockets, of which each has 128 at most.
  EXPECT_LE(in_flight, 4u * 128);
  EXPECT_GE(in_flight, 60u);
}

TEST(HostilePairTest, DescriptorsThatItsClientDoesNotReceiveAreLimited) {
  ExpectSameDescriptors census;
  TempDir dir;
  FakeService service;
  Server server({.max_threads = 1});
  server.AddService(service);
  auto [ours, theirs] = SocketPair(SOCK_DGRAM);
  ASSERT_TRUE(server.ServeConnection(std::move(theirs)).ok());
  const std::string address = dir.address("socket", "unix-dgram:");
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start().ok());
  const RawSocket client(std::move(ours));
  const RawCall call = GetCall(60);
  for (int i = 0; i < 10; ++i) ASSERT_EQ(client.Send(call.Bytes()), 0);
  while (server.statistics().datagram_calls < 10) std::this_thread::yield();
  {
    // Its one thread answers this call after those.
    TestService::Stub stub(
        *Channel::Connect(address, {.connectionless = true}));
    ASSERT_TRUE(stub.Echo(Text(), {.timeout = absl::Seconds(60)}).ok());
  }
  size_t in_flight = 0;
  for (int i = 0; i < 10; ++i) in_flight += client.Receive().fds.size();
  EXPECT_LE(in_flight, 128u);
  EXPECT_GE(in_flight, 60u);
}

TEST(KnocksWithoutTheirSocketsTest, KeepNoServerFromTheLastCalls) {
  ExpectSameDescriptors census;
  TempDir dir;
  int served = 0;
  FakeService service;
  service.echo = [&served](ServerContext&, const Text&, Text&) {
    ++served;
    return absl::OkStatus();
  };
  const std::string address = dir.address("socket", "unix-dgram:");
  absl::StatusOr<Loop> loop = Loop::Create();
  ASSERT_TRUE(loop.ok());
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start(*loop).ok());
  const RawSocket client = RawSocket::Autobound();
  const auto [ours, theirs] = SocketPair(SOCK_SEQPACKET);
  RawCall call;
  call.open.flags |= RawFrame::kOneWay;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(client.SendTo(NameOf(address), std::string("FDRD\1\0\0\0", 8),
                            {theirs.get()}),
              0);
  }
  ASSERT_EQ(client.SendTo(NameOf(address), call.Bytes()), 0);
  server.Shutdown(absl::InfiniteDuration());
  {
    const OpenFileLimit full(0);
    server.Wait();  // runs the loop
  }
  EXPECT_EQ(served, 1);
}

}  // namespace
}  // namespace fdrpc::testing
