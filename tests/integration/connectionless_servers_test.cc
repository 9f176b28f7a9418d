// Servers of calls that are one datagram each way, which come and go, do not
// read, or have many clients or one that changes.
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/connectionless_fixture.h"
#include "tests/integration/one_way_log.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class ConnectionlessServersTest : public ::testing::Test {
 protected:
  WithDefaultLoop loop_;
  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", "unix-dgram:");
};

TEST_F(ConnectionlessServersTest, ARestartBetweenTwoCallsIsNotNoticed) {
  TestService::Stub stub(*Channel::Connect(address_, kConnectionless));
  const absl::Status nobody = stub.Echo(Text()).status();
  EXPECT_EQ(nobody.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(nobody.message()), HasSubstr("does not exist"));
  pid_t last = 0;
  for (int i = 0; i < 5; ++i) {
    ServerProcess server(address_, [](FakeService& service) {
      service.echo = [](ServerContext&, const Text&, Text& reply) {
        reply.set_number(getpid());
        return absl::OkStatus();
      };
    });
    for (int j = 0; j < 3; ++j) {
      const absl::StatusOr<Text> reply = stub.Echo(Text());
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(reply->number(), server.pid());
    }
    EXPECT_NE(server.pid(), last);
    last = server.pid();
    server.Stop(i % 2 == 0 ? SIGTERM : SIGKILL);
    EXPECT_EQ(stub.Echo(Text()).status().code(),
              absl::StatusCode::kUnavailable);
  }
}

TEST_F(ConnectionlessServersTest, ACallWaitsForAServerIfAsked) {
  TestService::Stub stub(*Channel::Connect(address_, kConnectionless));
  std::latch done(2);
  absl::StatusOr<Text> blocking, callback;
  std::thread caller([&] {
    blocking = stub.Echo(Numbered(1), {.wait_for_ready = true});
    done.count_down();
  });
  stub.async().Echo(Numbered(2), {.wait_for_ready = true},
                    [&](absl::StatusOr<Text> reply) {
                      callback = std::move(reply);
                      done.count_down();
                    });
  EXPECT_EQ(stub.Echo(Text()).status().code(), absl::StatusCode::kUnavailable);
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  done.wait();
  caller.join();
  EXPECT_TRUE(blocking.ok()) << blocking.status();
  EXPECT_TRUE(callback.ok()) << callback.status();
}

// No other server can take the place of one that had the other socket.
TEST_F(ConnectionlessServersTest, AClosedPairIsNotWaitedFor) {
  auto [ours, theirs] = SocketPair(SOCK_DGRAM);
  const Channel channel = *Channel::FromSocket(std::move(ours));
  theirs.Reset();
  TestService::Stub stub(channel);
  const CallOptions patient = {.timeout = absl::Seconds(60),
                               .wait_for_ready = true};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(stub.Echo(Text(), patient).status().code(),
              absl::StatusCode::kUnavailable);
    std::promise<absl::StatusCode> ended;
    stub.async().Echo(Text(), patient, [&](const absl::StatusOr<Text>& reply) {
      ended.set_value(reply.status().code());
    });
    EXPECT_EQ(ended.get_future().get(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(channel.state(), ChannelState::kTransientFailure);
  EXPECT_EQ(channel.WaitForReady(absl::Seconds(60)).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionlessServersTest, TheStateTellsWhetherTheLastCallFoundAServer) {
  const Channel channel = *Channel::Connect(address_, kConnectionless);
  TestService::Stub stub(channel);
  EXPECT_EQ(channel.state(), ChannelState::kIdle);
  EXPECT_FALSE(stub.Echo(Text()).ok());
  EXPECT_EQ(channel.state(), ChannelState::kTransientFailure);
  EXPECT_EQ(channel.WaitForReady(absl::Milliseconds(1)).code(),
            absl::StatusCode::kDeadlineExceeded);
  FakeService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(address_).ok());
  ASSERT_TRUE(server.Start().ok());
  EXPECT_TRUE(channel.WaitForReady(absl::Seconds(20)).ok());
  EXPECT_EQ(channel.state(), ChannelState::kReady);
  EXPECT_EQ(channel.WatchState([](ChannelState) {}).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ConnectionlessServersTest, ASuccessorTakesOverWithoutAFailedCall) {
  FakeService service;
  auto first = std::make_unique<Server>();
  first->AddService(service);
  ASSERT_TRUE(first->Listen(address_).ok());
  ASSERT_TRUE(first->Start().ok());
  std::atomic<bool> stop = false;
  std::atomic<int> calls = 0;
  std::thread caller([&] {
    TestService::Stub stub(*Channel::Connect(address_, kConnectionless));
    while (!stop) {
      const absl::StatusOr<Text> reply = stub.Echo(Numbered(++calls));
      ASSERT_TRUE(reply.ok()) << reply.status();
    }
  });
  while (calls < 10) std::this_thread::yield();
  absl::StatusOr<std::vector<UniqueFd>> sockets = first->HandOver();
  ASSERT_TRUE(sockets.ok());
  Server second;
  second.AddService(service);
  ASSERT_TRUE(second.Listen(std::move(sockets->at(0))).ok());
  ASSERT_TRUE(second.Start().ok());
  first->Shutdown(absl::InfiniteDuration());
  first->Wait();
  first.reset();
  const int then = calls;
  while (calls < then + 100) std::this_thread::yield();
  stop = true;
  caller.join();
}

TEST_F(ConnectionlessServersTest, AFullQueueIsWaitedForWithoutSpinning) {
  // A socket that nobody reads, until the test does.
  FakeService service;
  Told told;
  BlockingLog log(told);
  Server server;
  server.AddService(service);
  server.AddService(log);
  ASSERT_TRUE(server.Listen(address_).ok());
  const Channel channel = *Channel::Connect(address_, kConnectionless);
  Log::Stub stub(channel);
  absl::Status last;
  do {
    last = stub.Write(EntryOf("x"), {.timeout = absl::Milliseconds(20)});
  } while (last.ok());
  EXPECT_EQ(last.code(), absl::StatusCode::kDeadlineExceeded) << last;
  EXPECT_THAT(std::string(last.message()), HasSubstr("queue"));
  // Blocking, and with a callback: both wait, with a few system calls.
  std::latch done(2);
  std::atomic<int> good = 0;
  {
    FaultInjection counted(
        [](std::string_view, size_t) { return FaultInjection::Fault(); });
    std::thread caller([&] {
      if (stub.Write(EntryOf("a"), {.timeout = absl::Seconds(60)}).ok()) ++good;
      done.count_down();
    });
    stub.async().Write(EntryOf("b"), {.timeout = absl::Seconds(60)},
                       [&](absl::Status status) {
                         if (status.ok()) ++good;
                         done.count_down();
                       });
    EXPECT_EQ(
        stub.Write(EntryOf("y"), {.timeout = absl::Milliseconds(200)}).code(),
        absl::StatusCode::kDeadlineExceeded);
    EXPECT_LT(counted.CountOf("sendmsg"), 30u);
    EXPECT_LT(counted.CountOf("ppoll"), 30u);
    ASSERT_TRUE(server.Start().ok());
    done.wait();
    caller.join();
  }
  EXPECT_EQ(good, 2);
  // The deadlines of the others may have passed before they were read.
  told.AwaitText("a");
  told.AwaitText("b");
}

TEST_F(ConnectionlessServersTest, ARestartEndsTheWaitForAFullQueue) {
  FakeService service;
  Told told;
  BlockingLog log(told);
  auto first = std::make_unique<Server>();
  first->AddService(log);
  ASSERT_TRUE(first->Listen(address_).ok());
  Log::Stub stub(*Channel::Connect(address_, kConnectionless));
  while (
      stub.Write(EntryOf("lost"), {.timeout = absl::Milliseconds(20)}).ok()) {
  }
  std::latch done(2);
  std::atomic<int> good = 0;
  std::thread caller([&] {
    if (stub.Write(EntryOf("a"), {.wait_for_ready = true}).ok()) ++good;
    done.count_down();
  });
  stub.async().Write(EntryOf("b"), {.wait_for_ready = true},
                     [&](absl::Status status) {
                       if (status.ok()) ++good;
                       done.count_down();
                     });
  first.reset();
  Server second;
  second.AddService(log);
  ASSERT_TRUE(second.Listen(address_).ok());
  ASSERT_TRUE(second.Start().ok());
  done.wait();
  caller.join();
  EXPECT_EQ(good, 2);
}

TEST_F(ConnectionlessServersTest, TenThousandClientsLeaveNothingInTheServer) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit former = limit;
  limit.rlim_cur = limit.rlim_max;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  const int clients = limit.rlim_cur < 20'200 ? 400 : 10'000;
  ServerProcess server(address_);
  TestService::Stub first(*Channel::Connect(address_, kConnectionless));
  ASSERT_TRUE(first.Echo(Text()).ok());
  const DescriptorCensus before = TakeCensusOf(server.pid());
  std::vector<Channel> channels;
  for (int i = 0; i < clients; ++i) {
    channels.push_back(*Channel::Connect(address_, kConnectionless));
    const absl::StatusOr<Text> reply =
        TestService::Stub(channels.back()).Echo(Numbered(i));
    ASSERT_TRUE(reply.ok()) << i << reply.status();
    ASSERT_EQ(reply->number(), i);
  }
  EXPECT_EQ(TakeCensusOfExpecting(server.pid(), before), before);
  channels.clear();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
}

TEST(ConnectionlessUserTest, AClientThatGivesUpItsUserIsKnownByItsNewOne) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  ExpectSameDescriptors census;
  TempDir dir;
  dir.OpenToAll();
  FakeService service;
  service.echo = [](ServerContext& context, const Text&, Text& reply) {
    reply.set_number(context.peer().uid);
    return absl::OkStatus();
  };
  Server server;
  server.AddService(service);
  const std::string address = dir.address("socket", "unix-dgram:");
  ASSERT_TRUE(server.Listen(address, {.mode = 0666}).ok());
  ASSERT_TRUE(server.Start().ok());
  EXPECT_EQ(InChild([&address] {
              constexpr uid_t kFirst = 4711;
              constexpr uid_t kLater = 4712;
              if (seteuid(kFirst) != 0) return 1;
              TestService::Stub stub(
                  *Channel::Connect(address, {.connectionless = true}));
              const auto user = [&stub] {
                const absl::StatusOr<Text> reply = stub.Echo(Text());
                return reply.ok() ? reply->number() : -1;
              };
              if (user() != kFirst) return 2;
              if (seteuid(0) != 0 || setresuid(kLater, kLater, kLater) != 0) {
                return 3;
              }
              for (int i = 0; i < 2; ++i) {
                if (user() != kLater) return 4;
              }
              return 0;
            }),
            0);
}

}  // namespace
}  // namespace fdrpc::testing
