// A running server whose queue of connections is full.

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <future>
#include <latch>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "os/unix_address.h"
#include "tests/support/clocked_client.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/raw_peer.h"
#include "tests/support/running_loop.h"
#include "tests/support/sanitized.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// Room for that many open files in this process, if possible.
class RoomForOpenFiles {
 public:
  explicit RoomForOpenFiles(rlim_t files) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit raised = before_;
    raised.rlim_cur =
        std::max(before_.rlim_cur, std::min(files, before_.rlim_max));
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &raised), 0);
    ok_ = raised.rlim_cur >= files;
  }
  ~RoomForOpenFiles() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }
  RoomForOpenFiles(const RoomForOpenFiles&) = delete;
  RoomForOpenFiles& operator=(const RoomForOpenFiles&) = delete;

  bool ok() const { return ok_; }

 private:
  rlimit before_ = {};
  bool ok_ = false;
};

class BusyServerTest : public ::testing::TestWithParam<const char*> {
 protected:
  BusyServerTest() {
    const UnixAddress address = *UnixAddress::Parse(address_);
    const int type = address.type();
    listener_.Reset(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(listener_.get(), address.socket_address(), address.length()),
              0);
    if (type != SOCK_DGRAM) {
      EXPECT_EQ(listen(listener_.get(), 0), 0);
    }
    while (true) {
      UniqueFd client(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (connect(client.get(), address.socket_address(), address.length()) !=
          0) {
        break;
      }
      if (type == SOCK_DGRAM && send(client.get(), "x", 1, 0) != 1) break;
      waiting_.push_back(std::move(client));
    }
    EXPECT_EQ(errno, EAGAIN);
  }
  TestService::Stub NewStub() {
    return TestService::Stub(
        *Channel::Connect(address_, {.loop = loop_.loop()}));
  }
  // What fills the queue is closed, and a server serves.
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
  ClockedClient client;
  const TestService::Stub stub(client.NewChannel(address_));
  // Less than the time for which a call without a deadline waits.
  constexpr absl::Duration kTimeout = absl::Seconds(1);
  absl::Status blocking;
  absl::Status told;
  client.clock().AdvanceWhile(kTimeout / 5, [&] {
    blocking = stub.Echo(Text(), {.timeout = kTimeout}).status();
    std::latch ended(1);
    stub.async().Echo(Text(), {.timeout = kTimeout},
                      [&](absl::StatusOr<Text> reply) {
                        told = reply.status();
                        ended.count_down();
                      });
    ended.wait();
  });
  EXPECT_EQ(blocking.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(told.code(), absl::StatusCode::kDeadlineExceeded);
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

TEST_P(BusyServerTest, ManyClientsThatComeAtOnceAllGetIn) {
  constexpr int kAtOnce = 1000;
  // Under a sanitizer it can take longer than the 5 s for which a call waits by
  // default.
  const CallOptions options = {.timeout = absl::Seconds(60),
                               .wait_for_ready = kSanitized};
  const RoomForOpenFiles room(2 * kAtOnce + 200);
  if (!room.ok()) GTEST_SKIP() << "RLIMIT_NOFILE is too low";
  FakeService service;
  Server server;
  server.AddService(service);
  {
    std::array<RunningLoop, 4> loops;
    std::latch ended(kAtOnce);
    std::vector<Channel> channels;
    for (int i = 0; i < kAtOnce; ++i) {
      channels.push_back(*Channel::Connect(
          address_, {.loop = loops[static_cast<size_t>(i) % 4].loop()}));
      // Its first attempt has arrived, and finds the queue full.
      TestService::Stub(channels.back())
          .async()
          .Echo(Numbered(i), options, [&, i](absl::StatusOr<Text> reply) {
            EXPECT_EQ(reply.ok() ? reply->number() : -1, i) << reply.status();
            ended.count_down();
          });
    }
    for (const Channel& channel : channels) {
      EXPECT_EQ(channel.state(), ChannelState::kTransientFailure);
    }
    Serve(server);
    ended.wait();
    for (const Channel& channel : channels) {
      EXPECT_EQ(channel.state(), ChannelState::kReady);
    }
  }
  server.Shutdown();
  server.Wait();
}

TEST_P(BusyServerTest, ACallWithoutDeadlineGivesUpAfterSomeTime) {
  ClockedClient client;
  const MonotonicTime before = client.clock().Now();
  auto ended = std::async(std::launch::async, [&] {
    return TestService::Stub(client.NewChannel(address_)).Echo(Text());
  });
  client.clock().AdvanceUntil(absl::Milliseconds(100), [&](auto within) {
    return ended.wait_for(within) == std::future_status::ready;
  });
  const absl::Status status = ended.get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_NE(status.message().find("queue of connections is full"),
            absl::string_view::npos);
  EXPECT_GE(absl::FromChrono(client.clock().Now() - before), absl::Seconds(5));
}

}  // namespace
}  // namespace fdrpc::testing
