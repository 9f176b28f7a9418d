// Many clients at one datagram socket, and clients that go, or find it full.
// What a connection does is the affair of the other suites, which run over it
// as well.

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/running_loop.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

constexpr int kClients = 200;
constexpr int kCalls = 20;

Text Number(int64_t number) {
  Text text;
  text.set_number(number);
  return text;
}

// A client process: calls, with descriptors, and a stream, all counted.
int Call(const std::string& address) {
  absl::StatusOr<Channel> channel = Channel::Connect(address);
  if (!channel.ok()) return 1;
  TestService::Stub stub(*channel);
  for (int i = 0; i < kCalls; ++i) {
    const absl::StatusOr<Text> reply = stub.Echo(Number(i));
    if (!reply.ok() || reply->number() != i) return 2;
  }
  Parcel<Files> files;
  files.set_first(FileWith("x"));
  absl::StatusOr<Parcel<Files>> back = stub.Exchange(std::move(files));
  if (!back.ok() || ReadRest(back->take_first().get()) != "x") return 3;
  auto replies = stub.Watch(Number(kCalls));
  int read = 0;
  while (replies.Read().has_value()) ++read;
  return read == kCalls && replies.Finish().ok() ? 0 : 4;
}

class DatagramTest : public ::testing::Test {
 protected:
  pid_t Fork(const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body());
    return child;
  }
  static int ExitCode(pid_t child) {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

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
  Text much = Number(1'000'000);
  much.set_text("large");
  auto unread = slow.Watch(much);
  std::vector<pid_t> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(Fork([this] { return Call(address_); }));
  }
  for (pid_t client : clients) EXPECT_EQ(ExitCode(client), 0);
  // What was sent for who does not read is a window's worth.
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

// Over each scheme: a server that lives and takes no connections at the moment.
class BusyServerTest : public ::testing::TestWithParam<const char*> {
 protected:
  BusyServerTest() {
    sockaddr_un name = {};
    name.sun_family = AF_UNIX;
    dir_.file("socket").copy(name.sun_path, sizeof(name.sun_path) - 1);
    const std::string_view scheme = GetParam();
    const int type = scheme == "unix:"             ? SOCK_STREAM
                     : scheme == "unix-seqpacket:" ? SOCK_SEQPACKET
                                                   : SOCK_DGRAM;
    listener_.Reset(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&name),
                   sizeof(name)),
              0);
    if (type != SOCK_DGRAM) {
      EXPECT_EQ(listen(listener_.get(), 0), 0);
    }
    while (true) {
      UniqueFd client(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      const int connected = connect(
          client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name));
      if (connected != 0) break;
      if (type == SOCK_DGRAM && send(client.get(), "x", 1, 0) != 1) break;
      waiting_.push_back(std::move(client));
    }
    EXPECT_EQ(errno, EAGAIN);
  }
  TestService::Stub NewStub() {
    return TestService::Stub(
        *Channel::Connect(address_, {.loop = loop_.loop()}));
  }
  // What fills the queue goes, and somebody serves.
  void Serve(Server& server) {
    ASSERT_TRUE(
        server.Listen(std::move(listener_), Server::SocketFile::kIsLeft).ok());
    ASSERT_TRUE(server.Start().ok());
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  RunningLoop loop_;
  UniqueFd listener_;
  std::vector<UniqueFd> waiting_;
};
INSTANTIATE_TEST_SUITE_P(Over, BusyServerTest, kAllSchemes, SchemeName);

TEST_P(BusyServerTest, ACallWaitsForItUntilItsDeadline) {
  TestService::Stub stub = NewStub();
  EXPECT_EQ(
      stub.Echo(Text(), {.timeout = absl::Milliseconds(50)}).status().code(),
      absl::StatusCode::kDeadlineExceeded);
  std::promise<absl::Status> told;
  stub.async().Echo(
      Text(), {.timeout = absl::Milliseconds(50)},
      [&](absl::StatusOr<Text> reply) { told.set_value(reply.status()); });
  EXPECT_EQ(told.get_future().get().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_P(BusyServerTest, ACallIsMadeOnceItTakesConnections) {
  FakeService service;
  Server server;
  server.AddService(service);
  auto blocking = std::async(std::launch::async, [this] {
    return TestService::Stub(*Channel::Connect(address_)).Echo(Text());
  });
  TestService::Stub stub = NewStub();
  std::promise<absl::Status> told;
  stub.async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
    told.set_value(reply.status());
  });
  // Both have found it busy, or will.
  EXPECT_EQ(TestService::Stub(*Channel::Connect(address_))
                .Echo(Text(), {.timeout = absl::Milliseconds(20)})
                .status()
                .code(),
            absl::StatusCode::kDeadlineExceeded);
  Serve(server);
  EXPECT_TRUE(blocking.get().ok());
  EXPECT_TRUE(told.get_future().get().ok());
}

TEST_P(BusyServerTest, ACallWithoutDeadlineGivesUpAfterSomeTime) {
  TestService::Stub stub(*Channel::Connect(address_));
  const absl::Time before = absl::Now();
  const absl::Status status = stub.Echo(Text()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(status.message().find("queue of connections is full"),
            absl::string_view::npos);
  EXPECT_GE(absl::Now() - before, absl::Seconds(5));
}

}  // namespace
}  // namespace fdrpc::testing
