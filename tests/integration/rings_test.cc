// Channels and servers whose connections use rings in shared memory, and what
// keeps them from that.

#include <cerrno>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "os/busy_poll.h"
#include "tests/support/clocked_client.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/on_clock.h"
#include "tests/support/running_loop.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

constexpr uint64_t kBytesOfOne = uint64_t{2} * (4096 + (256u << 10));

class RingsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Serve(ServerOptions options = {}) {
    if (options.rings == Rings::kAutomatic) options.rings = Rings::kAtOnce;
    server_ = OnClock::NewServer(options, clock_);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(address_).ok());
    ASSERT_TRUE(server_->Start().ok());
  }
  Channel Connect(Rings rings = Rings::kAtOnce) {
    return *Channel::Connect(address_, {.rings = rings});
  }
  static void Call(const Channel& channel) {
    TestService::Stub stub(channel);
    const absl::StatusOr<Text> reply = stub.Echo(TextOf("x", 7));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->number(), 7);
  }
  // What is agreed on travels with the frames of calls.
  static void CallSometimes(const Channel& channel) {
    for (int i = 0; i < 8; ++i) Call(channel);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", GetParam());
  ManualClock clock_;
  FakeService service_;
  std::unique_ptr<Server> server_;
};

INSTANTIATE_TEST_SUITE_P(Schemes, RingsTest,
                         ::testing::Values("unix:", "unix-seqpacket:",
                                           "unix-dgram:"));

TEST_P(RingsTest, AreUsedAtOnceAndCountedWhileTheConnectionLasts) {
  Serve();
  {
    const Channel channel = Connect();
    EXPECT_FALSE(channel.uses_rings());
    CallSometimes(channel);
    EXPECT_TRUE(channel.uses_rings());
    EXPECT_EQ(server_->statistics().ring_connections, 1u);
    EXPECT_EQ(server_->statistics().ring_bytes, kBytesOfOne);
  }
  server_->Shutdown();
  server_->Wait();
  EXPECT_EQ(server_->statistics().ring_connections, 0u);
  EXPECT_EQ(server_->statistics().ring_bytes, 0u);
}

TEST_P(RingsTest, DescriptorsKeepTheirPlaceAmongMessagesInRings) {
  Serve();
  const Channel channel = Connect();
  CallSometimes(channel);
  TestService::Stub stub(channel);
  auto chat = stub.ExchangeAll();
  for (int i = 0; i < 50; ++i) {
    Parcel<Files> files;
    files->set_text(std::to_string(i));
    if (i % 3 == 0) files.add_files(FileWith(std::to_string(i)));
    ASSERT_TRUE(chat.Write(std::move(files)));
    std::optional<Parcel<Files>> back = chat.Read();
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ((*back)->text(), std::to_string(i));
    ASSERT_EQ((*back)->files_size(), i % 3 == 0 ? 1 : 0);
    if (i % 3 == 0) {
      EXPECT_EQ(ReadRest(back->take_files(0).get()), std::to_string(i));
    }
  }
  chat.WritesDone();
  EXPECT_FALSE(chat.Read().has_value());
  EXPECT_TRUE(chat.Finish().ok());
  EXPECT_TRUE(channel.uses_rings());
}

TEST_P(RingsTest, AreNotUsedIfEitherSideDoesWithout) {
  Serve({.rings = Rings::kOff});
  const Channel asks = Connect();
  CallSometimes(asks);
  EXPECT_FALSE(asks.uses_rings());
  server_.reset();
  Serve();
  const Channel refuses = Connect(Rings::kOff);
  CallSometimes(refuses);
  EXPECT_FALSE(refuses.uses_rings());
  EXPECT_EQ(server_->statistics().ring_connections, 0u);
}

TEST_P(RingsTest, BeyondALimitConnectionsStayOnTheirSockets) {
  for (const bool of_user : {false, true}) {
    ServerOptions options;
    (of_user ? options.max_ring_bytes_per_user : options.max_ring_bytes) =
        kBytesOfOne + kBytesOfOne / 2;
    Serve(options);
    std::optional<Channel> first = Connect();
    CallSometimes(*first);
    EXPECT_TRUE(first->uses_rings());
    const Channel second = Connect();
    CallSometimes(second);
    EXPECT_FALSE(second.uses_rings());
    EXPECT_EQ(server_->statistics().ring_bytes, kBytesOfOne);
    // What one gives back another one may have.
    first.reset();
    bool again = false;
    for (int i = 0; i < 1000 && !again; ++i) {
      first = Connect();
      CallSometimes(*first);
      again = first->uses_rings();
    }
    EXPECT_TRUE(again);
    EXPECT_EQ(server_->statistics().ring_bytes, kBytesOfOne);
    server_.reset();
  }
}

TEST_P(RingsTest, WithoutMemoryForThemConnectionsStayOnTheirSockets) {
  Serve();
  // The server cannot make it; the client cannot map it.
  for (const auto& [call, failing] : {std::pair{"memfd_create", size_t{0}},
                                      std::pair{"map_file", size_t{1}}}) {
    FaultInjection faults(
        [call = call, failing = failing](std::string_view name, size_t index) {
          return FaultInjection::Fault{
              .error = name == call && index == failing ? EPERM : 0};
        });
    const Channel channel = Connect();
    CallSometimes(channel);
    EXPECT_FALSE(channel.uses_rings());
    EXPECT_EQ(server_->statistics().ring_bytes, 0u);
  }
}

// As a seccomp(2) filter does, or a kernel that has not got a call.
TEST_P(RingsTest, WithoutASystemCallForThemConnectionsStayOnTheirSockets) {
  Serve();
  for (const char* const call :
       {"get_file_size_limit", "memfd_create", "ftruncate", "map_file",
        "keep_from_children", "add_seals", "get_seals", "lseek", "fstatfs",
        "fallocate", "populate"}) {
    for (const int error : {EPERM, ENOSYS, EINVAL}) {
      // For which an older kernel is prepared.
      if (std::string_view(call) == "populate" && error == EINVAL) continue;
      SCOPED_TRACE(std::string(call) + " " + std::to_string(error));
      FaultInjection faults([call, error](std::string_view name, size_t) {
        return FaultInjection::Fault{.error = name == call ? error : 0};
      });
      const Channel channel = Connect();
      CallSometimes(channel);
      EXPECT_FALSE(channel.uses_rings());
      EXPECT_EQ(server_->statistics().ring_bytes, 0u);
      EXPECT_GT(faults.CountOf(call), 0u);
    }
  }
}

TEST_P(RingsTest, AnIdleConnectionGivesThemBack) {
  Serve();
  // Its loop reads what the server sends.
  RunningLoop running;
  const Channel channel = *Channel::Connect(
      address_, {.rings = Rings::kAtOnce, .loop = running.loop()});
  CallSometimes(channel);
  const auto watch = channel.WatchState([](ChannelState) {});
  ASSERT_TRUE(watch.ok());
  EXPECT_TRUE(channel.uses_rings());
  std::promise<void> never;
  const std::future<void> nothing = never.get_future();
  clock_.AdvanceUntil(absl::Seconds(6), [&](auto within) {
    return nothing.wait_for(within) == std::future_status::timeout &&
           server_->statistics().ring_connections == 0;
  });
  EXPECT_FALSE(channel.uses_rings());
  CallSometimes(channel);
}

// A ring saves system calls, of which such a stream makes few.
TEST_P(RingsTest, AStreamOfMessagesThatGoTogetherHasNone) {
  Serve();
  ClockedClient client;  // for which no time passes
  TestService::Stub stub(
      client.NewChannel(address_, {.rings = Rings::kAutomatic}));
  ClientWriter<Text, Text> writer = stub.Collect();
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(writer.Write(TextOf("x"), {.may_linger = true}));
  }
  ASSERT_TRUE(writer.Finish().ok());
  EXPECT_EQ(server_->statistics().ring_connections, 0u);
}

TEST_P(RingsTest, ABusyConnectionHasThemUntilItIsIdleAndAgain) {
  if (!BusyPoll::HasSeveralCpus()) GTEST_SKIP() << "there is one CPU";
  Serve();
  ClockedClient client;
  TestService::Stub stub(
      client.NewChannel(address_, {.rings = Rings::kAutomatic}));
  const auto call = [&] {
    const absl::StatusOr<Text> reply = stub.Echo(TextOf("x"));
    ASSERT_TRUE(reply.ok()) << reply.status();
  };
  const auto rings = [&] { return server_->statistics().ring_connections; };
  std::promise<void> never;
  const std::future<void> nothing = never.get_future();
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    // By the client's clock all calls are made at the same time.
    for (int i = 0; i < 600 && rings() == 0; ++i) call();
    ASSERT_EQ(rings(), 1u);
    // A client without a loop learns at its next call that they are given up.
    int steps = 0;
    clock_.AdvanceUntil(absl::Seconds(6), [&](auto within) {
      (void)nothing.wait_for(within);
      if (++steps % 8 == 0) call();
      return rings() == 0;
    });
  }
}

}  // namespace
}  // namespace fdrpc::testing
