// Many clients at one datagram socket, clients that leave, and datagrams that
// are not from clients. The other suites also run over datagram sockets, and
// test the connections.

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "os/unix_address.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

constexpr int kClients = 200;
constexpr int kCalls = 20;

// A client process: calls, with descriptors, and a stream, all counted.
int Call(const std::string& address) {
  absl::StatusOr<Channel> channel = Channel::Connect(address);
  if (!channel.ok()) return 1;
  TestService::Stub stub(*channel);
  for (int i = 0; i < kCalls; ++i) {
    const absl::StatusOr<Text> reply = stub.Echo(Numbered(i));
    if (!reply.ok() || reply->number() != i) return 2;
  }
  Parcel<Files> files;
  files.set_first(FileWith("x"));
  absl::StatusOr<Parcel<Files>> back = stub.Exchange(std::move(files));
  if (!back.ok() || ReadRest(back->take_first().get()) != "x") return 3;
  auto replies = stub.Watch(Numbered(kCalls));
  int read = 0;
  while (replies.Read().has_value()) ++read;
  return read == kCalls && replies.Finish().ok() ? 0 : 4;
}

class DatagramTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", "unix-dgram:");
};

TEST_F(DatagramTest, TwoHundredClientsLoseNothingBesideOneThatDoesNotRead) {
  ServerProcess server(address_, [](FakeService& service) {
    auto written = std::make_shared<std::atomic<int>>();
    service.watch = [written](ServerContext&, const Text& request,
                              ServerWriter<Text>& replies) {
      Text reply;
      const bool large = request.text() == "large";
      if (large) reply.set_data(std::string(64u << 10, 'x'));
      for (int i = 0; i < request.number() && replies.Write(reply); ++i) {
        if (large) ++*written;
      }
      return absl::OkStatus();
    };
    service.put = [written](ServerContext&, Parcel<Files>&, Text& reply) {
      reply.set_number(*written);
      return absl::OkStatus();
    };
  });
  TestService::Stub slow(*Channel::Connect(address_));
  Text much = Numbered(1'000'000);
  much.set_text("large");
  auto unread = slow.Watch(much);
  std::vector<pid_t> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(Fork([this] { return Call(address_); }));
  }
  for (pid_t client : clients) EXPECT_EQ(ExitCode(client), 0);
  // What was sent to a client that does not read is at most a window.
  const absl::StatusOr<Text> written = slow.Put(Parcel<Files>());
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_LE(written->number(), 6);
  int read = 0;
  for (; read < 100; ++read) EXPECT_TRUE(unread.Read().has_value());
}

TEST_F(DatagramTest, AClientThatIsKilledCancelsItsHandlers) {
  const pid_t client = Fork([&, this] {
    TestService::Stub stub(*Channel::Connect(address_));
    (void)stub.Echo(Text(), {.wait_for_ready = true});
    return 0;
  });
  std::promise<absl::Status> ended;
  {
    FakeService service;
    std::promise<void> running;
    service.echo = [&](ServerContext& context, const Text&, Text&) {
      EXPECT_EQ(context.peer().pid, client);
      EXPECT_TRUE(context.OpenPeerPidfd().ok());
      std::promise<void> cancelled;
      std::stop_callback wake(context.cancellation(),
                              [&] { cancelled.set_value(); });
      running.set_value();
      cancelled.get_future().wait();
      ended.set_value(context.cancellation_reason());
      return absl::OkStatus();
    };
    Server server;
    server.AddService(service);
    ASSERT_TRUE(server.Listen(address_).ok());
    ASSERT_TRUE(server.Start().ok());
    running.get_future().wait();
    kill(client, SIGKILL);
    EXPECT_EQ(ended.get_future().get().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(ExitCode(client), -SIGKILL);
  }
}

TEST_F(DatagramTest, WhatIsNoKnockIsDroppedAndCounted) {
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  const UnixAddress door = *UnixAddress::Parse(address_);
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(socket.get(), door.socket_address(), door.length()), 0);
  RawPeer stranger(std::move(socket));
  const std::string knock("FDRD\1\0\0\0", 8);
  auto [ours, theirs] = SocketPair(SOCK_SEQPACKET);
  const int end = theirs.get();
  const UniqueFd file = FileWith("x");
  EXPECT_GT(stranger.TrySend("garbage", {end}), 0);
  EXPECT_GT(stranger.TrySend(knock), 0);
  EXPECT_GT(stranger.TrySend(knock, {end, end}), 0);
  EXPECT_GT(stranger.TrySend(knock, {file.get()}), 0);
  // A socket that the child did not make.
  EXPECT_EQ(InChild([&] { return stranger.TrySend(knock, {end}) > 0 ? 0 : 1; }),
            0);
  theirs.Reset();
  EXPECT_TRUE(RawPeer(std::move(ours)).ReachesEnd()) << "one was kept";
  // A knock after them, which does not count.
  EXPECT_EQ(Call(address_), 0);
  EXPECT_EQ(server.statistics().refused_knocks, 5u);
  server.Shutdown();
  server.Wait();
  EXPECT_EQ(server.statistics().refused_knocks, 5u);
}

}  // namespace
}  // namespace fdrpc::testing
